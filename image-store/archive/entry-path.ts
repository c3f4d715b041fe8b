import { refused } from './archive-error.ts';

/** PATH_MAX of linux/limits.h, its NUL included, and the room a root's own path needs. */
const MAX_PATH = 4095;
/** NAME_MAX of linux/limits.h. */
const MAX_NAME = 255;

/**
 * The path of an entry below the archive's top, without `.`, doubled and
 * trailing slashes; the empty string is the top itself.
 * @throws GantryError ARCHIVE_ENTRY_REFUSED for an absolute path or one with `..`
 */
export function cleanEntryPath(path: string): string {
  if (path.startsWith('/')) throw refused(path, 'its path is absolute');

  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refused(path, 'its path leads out of the archive by ".."');
  if (
    parts.some((part) => Buffer.byteLength(part) > MAX_NAME) ||
    Buffer.byteLength(path) > MAX_PATH
  )
    throw refused(path, 'its name is too long');

  return parts.join('/');
}
