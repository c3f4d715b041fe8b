import { loaded } from './stage1/loaded.ts';

// What nobody caught is a failure of gantry's own, not an app's exit status.
process.once('uncaughtException', (error) => void fail(error));
void main();

/** argv to exit status, nothing else. When built, stage0/boot loads it. */
async function main(): Promise<void> {
  const [, program = '', ...args] = process.argv;
  const { runProgram } = await import('./cli/program.ts');
  const { readEnvironment } = await import('./config/environment.ts');
  process.exitCode = await runProgram({ program, args, environment: readEnvironment(process.env) });
  if (loaded.unfinished) process.exit();
}

async function fail(error: unknown): Promise<never> {
  process.exit(await explained(error).catch(() => unexplained(error)));
}

async function explained(error: unknown): Promise<number> {
  const { presentError } = await import('./cli/present-error.ts');
  if (loaded.foreign === undefined) return await presentError(error, { name: '', debug: true });

  const { stage1Failed } = await import('./stage1/call-module.ts');
  return await presentError(stage1Failed(loaded.foreign, error), { name: '', debug: true });
}

/** For when not even what explains errors can be loaded. @returns the exit status, as cli/exit-status has it */
function unexplained(error: unknown): number {
  process.stderr.write(`gantry: ${String(error)}\n`);

  return 254;
}
