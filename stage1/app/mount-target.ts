import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, type Stats } from 'node:fs';
import { relative } from 'node:path';
import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { resolveInside } from '#base/fs/inside';

/** A place in an app's root that something is to be mounted on. */
export interface TargetRequest {
  readonly root: string;
  /** Absolute, inside the app. */
  readonly target: string;
  /** Whether a directory is mounted there, else a file. */
  readonly directory: boolean;
}

/**
 * Finds or makes the mount point inside an app's root; links lead nowhere but
 * inside.
 * @returns the path from outside
 * @throws GantryError PATH_TOO_MANY_LINKS, MOUNT_TARGET_UNUSABLE when something of the other kind is there, or it cannot be made
 */
export function ensureMountTarget({ root, target, directory }: TargetRequest): string {
  const outside = resolveMountTarget(root, target);
  const found = lstatOrNothing(outside, target);
  if (found === undefined) {
    makeTarget(root, outside, { target, directory });
    return outside;
  }
  if (found.isDirectory() === directory) return outside;

  throw unusable(target, directory ? 'not a directory' : 'a directory, where a file is mounted');
}

/**
 * Where a mount point lies, whether or not it is there; links lead nowhere but inside.
 * @param target absolute, inside the app
 * @returns the path from outside
 * @throws GantryError MOUNT_TARGET_UNUSABLE, PATH_TOO_MANY_LINKS
 */
export function resolveMountTarget(root: string, target: string): string {
  try {
    return resolveInside(root, target);
  } catch (error) {
    if (isGantryError(error)) throw error;
    throw unusable(target, fileState(error), error);
  }
}

function makeTarget(
  root: string,
  outside: string,
  { target, directory }: Pick<TargetRequest, 'target' | 'directory'>,
): void {
  const parts = relative(root, outside).split('/');
  const folders = directory ? parts : parts.slice(0, -1);
  try {
    let path = root;
    for (const part of folders) {
      path = `${path}/${part}`;
      makeFolder(path);
    }
    if (!directory) closeSync(openSync(outside, 'wx', 0o644));
  } catch (error) {
    throw unusable(target, fileState(error), error);
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    throw error;
  }
  // Every user of the app must come through, whatever the caller's umask.
  chmodSync(path, 0o755);
}

function lstatOrNothing(outside: string, target: string): Stats | undefined {
  try {
    return lstatSync(outside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw unusable(target, fileState(error), error);
  }
}

/** What is full or fails is the machine's, and has a hint of its own; anything else is the place's. */
function unusable(target: string, state: string, cause?: unknown): GantryError {
  const ofPlace = !['ENOSPC', 'EDQUOT', 'EIO', 'ENOMEM'].includes(errorCode(cause) ?? '');

  return new GantryError(
    'MOUNT_TARGET_UNUSABLE',
    `cannot mount on "${target}" of the app: ${state}`,
    {
      ...(ofPlace ? { hint: 'choose another place' } : {}),
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
