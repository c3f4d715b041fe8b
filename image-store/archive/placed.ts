import { quoted } from '#base/errors/quoted';
import { refused } from './archive-error.ts';
import type { ArchiveEntry, EntryType } from './entry.ts';

/** What overlayfs itself keeps in attributes: in an image they would change what the pod sees. */
const OVERLAY_ATTRIBUTE = /^(?:trusted|user)\.overlay\./;

/** Namespaces that Linux has for attributes, with a name after them (xattr(7)). */
const LINUX_ATTRIBUTE = /^(?:user|trusted|security|system)\../;
/** XATTR_NAME_MAX, XATTR_SIZE_MAX and PATH_MAX without its end (linux/limits.h): beyond them no file system places an entry. */
const MAX_ATTRIBUTE_NAME = 255;
const MAX_ATTRIBUTE_BYTES = 65_536;
const MAX_TARGET_BYTES = 4095;

const ROOT = 'rootfs';

/** What one archive has placed, by clean path below the root; `implied` for a directory that had no entry yet. */
export type Placed = Map<string, EntryType | 'implied'>;

/** An entry with where it goes. */
export interface Place {
  readonly entry: ArchiveEntry;
  /** Clean path below the root; the empty string is the root. */
  readonly path: string;
  /** Clean path below the root of a hard link's target. */
  readonly linkTarget?: string | undefined;
}

/**
 * Notes an entry of an archive, if it may be there: nothing lies behind
 * anything but a directory, no path comes twice, a hard link leads to what came
 * before it in the same archive.
 * @returns directories above it that no entry has made, outermost first
 * @throws GantryError ARCHIVE_ENTRY_REFUSED
 */
export function notePlaced(placed: Placed, place: Place): readonly string[] {
  const { entry, path } = place;
  checkAttributes(entry);
  const before = placed.get(path);
  if (before !== undefined && !(before === 'implied' && entry.type === 'directory'))
    throw refused(entry.path, 'the archive holds this path twice');
  if (entry.type === 'link') checkLink(placed, place);

  const implied = noteAbove(placed, path, entry.path);
  placed.set(path, entry.type);
  return implied;
}

/**
 * Notes the directories above a path.
 * @param entryPath of the entry that is there because of it, for errors
 * @returns those that no entry has made, outermost first
 * @throws GantryError ARCHIVE_ENTRY_REFUSED
 */
export function noteAbove(placed: Placed, path: string, entryPath: string): readonly string[] {
  const implied = missingAbove(placed, path, entryPath);
  for (const parent of implied) placed.set(parent, 'implied');

  return implied;
}

function checkAttributes(entry: ArchiveEntry): void {
  const foreign = entry.xattrs.find(({ name }) => OVERLAY_ATTRIBUTE.test(name));
  if (foreign !== undefined)
    throw refused(entry.path, `its attribute "${foreign.name}" belongs to the overlay file system`);
  const impossible = entry.xattrs.find(
    ({ name, value }) =>
      !LINUX_ATTRIBUTE.test(name) ||
      Buffer.byteLength(name) > MAX_ATTRIBUTE_NAME ||
      value.length > MAX_ATTRIBUTE_BYTES,
  );
  if (impossible !== undefined)
    throw refused(
      entry.path,
      `its attribute ${quoted(impossible.name)} is none that a file can have`,
    );
  if (entry.type === 'symlink' && Buffer.byteLength(entry.linkPath) > MAX_TARGET_BYTES)
    throw refused(entry.path, 'the path it leads to is too long');
  if (entry.type === 'char' && entry.device.major === 0 && entry.device.minor === 0)
    throw refused(entry.path, 'a character device 0:0 hides files in an overlay');
}

function missingAbove(placed: Placed, path: string, entryPath: string): readonly string[] {
  const missing: string[] = [];
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const parent = path.slice(0, end);
    const type = placed.get(parent);
    if (type === 'directory' || type === 'implied') break;
    if (type !== undefined)
      throw refused(entryPath, `it lies behind "${parent}", which the archive placed as a ${type}`);
    missing.unshift(parent);
  }

  return missing;
}

function checkLink(placed: Placed, { entry, linkTarget }: Place): void {
  const type = linkTarget === undefined ? undefined : placed.get(linkTarget);
  if (type !== undefined && type !== 'directory' && type !== 'implied') return;

  throw refused(
    entry.path,
    `it is a hard link to "${entry.linkPath}", which the archive has not placed before it`,
  );
}

/**
 * The target of a hard link, a clean path below the root; undefined for other entries.
 * @throws GantryError ARCHIVE_ENTRY_REFUSED for one that lies outside
 */
export function linkTargetOf(entry: ArchiveEntry): string | undefined {
  if (entry.type !== 'link') return undefined;
  if (entry.linkPath.startsWith('/'))
    throw refused(entry.path, `it is a hard link to the absolute path "${entry.linkPath}"`);

  const parts = entry.linkPath.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || parts[0] !== ROOT || parts.length < 2)
    throw refused(entry.path, `it is a hard link to "${entry.linkPath}", outside of rootfs`);

  return parts.slice(1).join('/');
}
