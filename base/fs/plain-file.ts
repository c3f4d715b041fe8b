import { constants, lstatSync, readFileSync } from 'node:fs';
import { errorCode, GantryError } from '../errors/gantry-error.ts';

/** A link does not lead elsewhere, and a pipe without a writer reads as empty. */
export const PLAIN: number = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** Of a pipe, a link, a folder, a socket, and a device without a driver. */
const NO_FILE: readonly string[] = ['EAGAIN', 'EINVAL', 'EISDIR', 'ELOOP', 'ENODEV', 'ENXIO'];

/** Whether what is opened `PLAIN`, or read then, turned out to be no file. */
export const isOfNoFile = (error: unknown): boolean => NO_FILE.includes(errorCode(error) ?? '');

/** The error of a file that is none. */
export interface PlainFileError {
  readonly code: string;
  readonly hint?: string | undefined;
}

/**
 * The text of a file of ours, where something else may lie by now. No slower
 * than reading it without a look.
 * @returns undefined when there is none
 * @throws GantryError with this code for anything but a regular file, and what open(2) says of permission
 */
export function readPlainFile(path: string, error: PlainFileError): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, { encoding: 'utf8', flag: PLAIN });
  } catch (failure) {
    const code = errorCode(failure) ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (!isOfNoFile(failure)) throw failure;
    throw noPlainFile(path, error);
  }
  if (text === '' && !isPlainFile(path)) throw noPlainFile(path, error);

  return text;
}

/** Whether a regular file lies there, or nothing. */
export function isPlainFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? true;
}

function noPlainFile(path: string, { code, hint }: PlainFileError): GantryError {
  return new GantryError(code, `cannot read "${path}": it is not a regular file`, { hint });
}
