import { errorCode, GantryError } from '#base/errors/gantry-error';

/**
 * Makes an error of writing where the user wants something one of ours.
 * @param action what was to be done, naming the target: `export to "/a/b.aci"`
 * @returns GantryError TARGET_EXISTS, TARGET_NO_PARENT, TARGET_UNWRITABLE, TARGET_FULL; other errors as they are
 */
export function targetError(error: unknown, action: string): unknown {
  const [code, state, hint] = explain(errorCode(error));
  if (code === undefined) return error;

  return new GantryError(code, `cannot ${action}: ${state}`, { hint, cause: error });
}

type Explanation = readonly [code?: string, state?: string, hint?: string];

function explain(errno: string | undefined): Explanation {
  switch (errno) {
    case 'EEXIST':
    case 'ENOTEMPTY':
      return ['TARGET_EXISTS', 'it exists', 'use --overwrite to replace it, or name another'];
    case 'ENOENT':
    case 'ENOTDIR':
      return ['TARGET_NO_PARENT', 'there is no such directory'];
    case 'EACCES':
    case 'EPERM':
      return [
        'TARGET_UNWRITABLE',
        'permission denied',
        'name a place that you may write to, or run it as root',
      ];
    case 'EROFS':
      return ['TARGET_UNWRITABLE', 'the file system is read-only'];
    case 'EBUSY':
      return ['TARGET_UNWRITABLE', 'something is mounted there'];
    case 'ENOSPC':
    case 'EDQUOT':
      return ['TARGET_FULL', 'no space left on the device'];
    default:
      return [];
  }
}
