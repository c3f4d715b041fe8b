import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { obstacleOf } from '#base/errors/obstacle';
import { takesNone } from '#base/fs/make-dirs';

/** The group whose members list and fetch images without being root. */
export const STORE_GROUP = 'gantry';
/** Folders: for the group, which what is made inside inherits. */
export const STORE_DIR_MODE = 0o2770;
export const STORE_FILE_MODE = 0o660;

/**
 * The number of a group in the text of /etc/group, group(5).
 * @returns undefined when there is no such group
 */
export function groupIdIn(groups: string, name: string): number | undefined {
  for (const line of groups.split('\n')) {
    const [group, , id] = line.split(':');
    if (group === name && id !== undefined && /^\d+$/.test(id)) return Number(id);
  }

  return undefined;
}

/** The number of the store's group on this machine; undefined when it has none. */
export function storeGroupId(): number | undefined {
  try {
    return groupIdIn(readFileSync('/etc/group', 'utf8'), STORE_GROUP);
  } catch {
    return undefined;
  }
}

/**
 * Makes one folder of the store unless it is there; parents must be. What is
 * there keeps its permissions, which the administrator may have chosen.
 * @returns whether it was made
 */
export function makeStoreDir(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o770 });
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    if (errorCode(error) === 'ENOENT' && existsSync(dirname(path))) throw takesNone(path);
    throw error;
  }
  // mkdir cuts the mode by the umask and knows no set-group-id bit.
  chmodSync(path, STORE_DIR_MODE);

  return true;
}

/** Gives a folder to a group; everything that is made inside inherits it. */
export function giveDirToGroup(path: string, gid: number): void {
  if (statSync(path).gid === gid) return;

  try {
    chownSync(path, -1, gid);
    chmodSync(path, STORE_DIR_MODE);
  } catch (error) {
    // Who is not root and not in the group keeps a store of their own.
    if (errorCode(error) !== 'EPERM') throw error;
  }
}

/** Gives a file that was made elsewhere to the store's group, as one made here would be. */
export function giveFileToGroup(path: string, gid: number): void {
  chownSync(path, -1, gid);
  chmodSync(path, STORE_FILE_MODE);
}

function permissionHint(): string {
  const gid = storeGroupId();
  const own = [process.getegid?.(), ...(process.getgroups?.() ?? [])];

  return gid !== undefined && own.includes(gid)
    ? `run it as root; what is older than the group "${STORE_GROUP}" is the group's when root has run "gantry image gc"`
    : `run as root, or become a member of the group "${STORE_GROUP}"`;
}

/**
 * Turns what the system says about missing permission, missing space and the
 * like into what the user can do about it; any other error comes back as it is.
 * @param dir the store's folder
 */
export function storeError(error: unknown, dir: string): unknown {
  const code = errorCode(error);
  if (code === 'EACCES' || code === 'EPERM') {
    return new GantryError(
      'STORE_NO_PERMISSION',
      `cannot use image store "${dir}": permission denied`,
      { hint: permissionHint(), cause: error },
    );
  }
  if (code === 'EROFS') {
    return new GantryError('STORE_READ_ONLY', `cannot write to image store "${dir}": read-only`, {
      hint: 'remount its file system writable, or choose another data directory with --dir',
      cause: error,
    });
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new GantryError('STORE_FULL', `cannot write to image store "${dir}": no space left`, {
      hint: 'free some with "gantry image gc", or choose another data directory with --dir',
      cause: error,
    });
  }

  const obstacle = obstacleOf(error);
  if (obstacle === undefined) return error;
  const { state } = obstacle;
  const hint =
    code === 'ENOTDIR'
      ? 'move away what lies where a folder is due; it is made again'
      : obstacle.hint;

  return new GantryError('STORE_UNUSABLE', `cannot use image store "${dir}": ${state}`, {
    hint,
    cause: error,
  });
}
