import { refused } from './archive-error.ts';
import type { ArchiveEntry } from './entry.ts';
import { cleanEntryPath } from './entry-path.ts';
import type { Placement, Whiteout } from './placer.ts';
import type { TarReader } from './tar-reader.ts';

/** Something that a layer of an OCI image does to the layers below. */
export type Change =
  | ({ readonly kind: 'place' } & Placement)
  | ({ readonly kind: 'hide' | 'clear' } & Whiteout);

// OCI image specification, layer.md, whiteouts.
const WHITEOUT = '.wh.';
const OPAQUE_WHITEOUT = '.wh..wh..opq';
/** What AUFS kept for itself: `.wh..wh.aufs`, `.wh..wh.plnk`, `.wh..wh.orph`. */
const AUFS_OWN = '.wh..wh.';

/**
 * What the archive of a layer holds, in its order.
 * @param counts the files of this archive and of those before it, whether placed or not
 * @throws GantryError ARCHIVE_ENTRY_REFUSED, and what the reader throws
 */
export function* layerChanges(
  reader: TarReader,
  counts: { files: number } = { files: 0 },
): Generator<Change> {
  for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
    const fileIndex = counts.files;
    if (entry.type === 'file') counts.files += 1;
    const change = changeOf(entry, fileIndex);
    if (change !== undefined) yield change;
  }
}

function changeOf(entry: ArchiveEntry, fileIndex: number): Change | undefined {
  const path = cleanLayerPath(entry.path);
  const slash = path.lastIndexOf('/');
  const [folder, name] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
  const entryPath = entry.path;
  if (name === OPAQUE_WHITEOUT) return { kind: 'clear', path: folder, entryPath };
  if (path.split('/').some((part) => part.startsWith(AUFS_OWN))) return undefined;
  if (!name.startsWith(WHITEOUT)) return placeOf(entry, path, fileIndex);

  const hidden = name.slice(WHITEOUT.length);
  if (hidden === '' || hidden === '.' || hidden === '..')
    throw refused(entryPath, 'it takes away what has no name of its own');
  return { kind: 'hide', path: slash === -1 ? hidden : `${folder}/${hidden}`, entryPath };
}

function placeOf(entry: ArchiveEntry, path: string, fileIndex: number): Change {
  if (path === '' && entry.type !== 'directory')
    throw refused(entry.path, 'the root is no directory');
  const linkTarget = entry.type === 'link' ? linkTargetOf(entry) : undefined;

  return { kind: 'place', entry, path, fileIndex, linkTarget };
}

/** Some programs write paths of layers with a slash in front; they mean the image's root. */
function cleanLayerPath(path: string): string {
  return cleanEntryPath(path.replace(/^\/+/, ''));
}

function linkTargetOf(entry: ArchiveEntry): string {
  const parts = entry.linkPath.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || parts.length === 0)
    throw refused(entry.path, `it is a hard link to "${entry.linkPath}", outside of the image`);

  return parts.join('/');
}
