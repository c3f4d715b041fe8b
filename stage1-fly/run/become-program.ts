import { GantryError } from '#base/errors/gantry-error';
import { kernelErrno } from '#base/kernel/native';
import { type EntrypointHost, handOver, type Successor, tooLongToPass } from '#stage1';

const ERRNO_WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'the interpreter that it names is not in the image',
  EACCES: 'permission denied',
  ENOEXEC: 'not a program for this machine',
  E2BIG: 'its arguments and variables are too long',
};

/**
 * Becomes a program of the app, in whose root this process is.
 * @throws GantryError APP_EXEC_NOT_FOUND, APP_EXEC_NOT_EXECUTABLE when the kernel refuses it
 */
export function becomeProgram({ kernel, caller }: EntrypointHost, program: Successor): never {
  try {
    return handOver(kernel, caller, program);
  } catch (error) {
    const errno = kernelErrno(error);
    if (errno === undefined) throw error;
    throw new GantryError(
      errno === 'ENOENT' ? 'APP_EXEC_NOT_FOUND' : 'APP_EXEC_NOT_EXECUTABLE',
      `cannot execute "${program.path}": ${describe(errno, program)}`,
      { cause: error },
    );
  }
}

function describe(errno: string, { argv, env }: Successor): string {
  const tooLong = errno === 'E2BIG' ? tooLongToPass(argv, env) : undefined;

  return tooLong ?? ERRNO_WORDS[errno] ?? errno;
}
