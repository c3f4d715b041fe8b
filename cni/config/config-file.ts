import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';

/** The largest configuration that is read, bytes; real ones have a few hundred. */
export const CONFIG_SIZE_LIMIT: number = 1024 * 1024;

/**
 * The text of a configuration file.
 * @throws GantryError CNI_CONFIG_UNREADABLE
 */
export function readConfigFile(path: string): string {
  try {
    // Not waiting: a FIFO without a writer would hold everything up.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = checkFile(path, fd);
      return size === 0 ? '' : readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw isGantryError(error) ? error : unreadable(path, error);
  }
}

/** The error of a file or folder that cannot be read. */
export function unreadable(path: string, cause: unknown): GantryError {
  const code = errorCode(cause);
  const state = code === 'ELOOP' ? 'a circle of symbolic links' : (code ?? 'it cannot be read');

  return new GantryError(
    'CNI_CONFIG_UNREADABLE',
    `cannot read the network configuration ${quoted(path)}: ${state}`,
    { cause },
  );
}

function checkFile(path: string, fd: number): { readonly size: number } {
  const stat = fstatSync(fd);
  const refuse = (state: string): GantryError =>
    new GantryError(
      'CNI_CONFIG_UNREADABLE',
      `cannot read the network configuration ${quoted(path)}: ${state}`,
    );
  if (!stat.isFile()) throw refuse('not a regular file');
  if (stat.size > CONFIG_SIZE_LIMIT) throw refuse(`larger than ${CONFIG_SIZE_LIMIT} bytes`);

  return stat;
}
