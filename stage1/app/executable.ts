import { statSync } from 'node:fs';
import { posix } from 'node:path';
import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { resolveInside } from '#base/fs/inside';

/** What an app executes and how it is looked for. */
export interface ExecutableQuery {
  /** `exec[0]` of the manifest. */
  readonly program: string;
  /** Absolute, inside the app. */
  readonly workingDir: string;
  /** PATH of the app's environment. */
  readonly path: string | undefined;
}

/** Exit status of a program that is not there, and of one that is but cannot be executed (POSIX, sh). */
export const EXIT_NOT_FOUND = 127;
export const EXIT_NOT_EXECUTABLE = 126;

/**
 * Finds what an app executes, inside its root. With a slash it is a path,
 * relative to the working directory; without, it is looked for in PATH, or
 * where there is no PATH in the working directory, /bin and /usr/bin.
 * @param root the app's root file system, with its mounts
 * @returns the absolute path as the app sees it
 * @throws GantryError APP_EXEC_NOT_FOUND (exit status 127), APP_EXEC_NOT_EXECUTABLE (126);
 *   APP_EXEC_UNUSABLE for what nothing can be called, PATH_TOO_MANY_LINKS
 */
export function findExecutable(root: string, query: ExecutableQuery): string {
  const candidates = candidatePaths(query);
  let unusable: string | undefined;

  for (const candidate of candidates) {
    const found = inspect(root, candidate);
    if (found === 'executable') return candidate;
    if (found === 'unusable') unusable ??= candidate;
  }

  if (unusable !== undefined) {
    throw new GantryError(
      'APP_EXEC_NOT_EXECUTABLE',
      `cannot execute "${unusable}": not an executable file`,
    );
  }
  throw new GantryError('APP_EXEC_NOT_FOUND', `cannot execute "${query.program}": no such file`, {
    hint: query.program.includes('/') ? undefined : `looked for ${candidates.join(', ')}`,
  });
}

/** The exit status that an error of `findExecutable` stands for; undefined for any other error. */
export function executableExitCode(
  error: unknown,
): typeof EXIT_NOT_FOUND | typeof EXIT_NOT_EXECUTABLE | undefined {
  switch (errorCode(error)) {
    case 'APP_EXEC_NOT_FOUND':
      return EXIT_NOT_FOUND;
    case 'APP_EXEC_NOT_EXECUTABLE':
      return EXIT_NOT_EXECUTABLE;
    default:
      return undefined;
  }
}

function candidatePaths({ program, workingDir, path }: ExecutableQuery): readonly string[] {
  if (program.includes('/')) return [posix.resolve('/', workingDir, program)];

  const folders =
    path === undefined || path === '' ? [workingDir, '/bin', '/usr/bin'] : path.split(':');
  return folders.map((folder) => posix.resolve('/', workingDir, folder, program));
}

function inspect(root: string, path: string): 'executable' | 'unusable' | 'absent' {
  try {
    const stats = statSync(resolveInside(root, path));
    return stats.isFile() && (stats.mode & 0o111) !== 0 ? 'executable' : 'unusable';
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(errorCode(error) ?? '')) return 'absent';
    if (isGantryError(error)) throw error;
    throw new GantryError('APP_EXEC_UNUSABLE', `cannot execute "${path}": ${fileState(error)}`, {
      cause: error,
    });
  }
}
