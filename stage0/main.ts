void main();

/** argv to exit status, nothing else. When built, stage0/boot loads it. */
async function main(): Promise<void> {
  const [, program = '', ...args] = process.argv;
  const { runProgram } = await import('./cli/program.ts');
  const { readEnvironment } = await import('./config/environment.ts');
  process.exitCode = await runProgram({ program, args, environment: readEnvironment(process.env) });
}
