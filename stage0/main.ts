import { enableCompileCache } from 'node:module';
import { dirname, join } from 'node:path';

void main();

/** argv to exit status, nothing else. What is compiled is cached beside the program. */
async function main(): Promise<void> {
  const [, program = '', ...args] = process.argv;
  if (program.endsWith('.js')) {
    enableCompileCache({ directory: join(dirname(dirname(program)), 'cache'), portable: true });
  }

  const { runProgram } = await import('./cli/program.ts');
  const { readEnvironment } = await import('./config/environment.ts');
  process.exitCode = await runProgram({ program, args, environment: readEnvironment(process.env) });
}
