import { isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { badLayout, tooBig } from './archive-error.ts';
import type { ArchiveEntry } from './entry.ts';
import { cleanEntryPath } from './entry-path.ts';
import { type ArchiveLimits, DEFAULT_ARCHIVE_LIMITS } from './limits.ts';
import { linkTargetOf, notePlaced, type Placed } from './placed.ts';
import { openTarReader, type TarReader } from './tar-reader.ts';

/** What an archive that keeps the layout of an ACI holds. */
export interface AciContents {
  /** The image manifest as it lies in the archive, not yet parsed. */
  readonly manifestText: string;
  readonly entries: number;
  /** Bytes of content as they will lie on disk. */
  readonly bytes: number;
}

/** The manifest and `rootfs` itself, which has to be there at least as what is above its entries. */
const TOP_ENTRIES = 2;
const ROOT_PREFIX = 'rootfs/';

/** Bytes to read at a time where mostly headers are read and contents passed over. */
export const HEADERS_AT_A_TIME = 8192;

/**
 * Reads a whole uncompressed archive and checks that it is laid out as an ACI
 * (appc spec, image layout): at the top only the file `manifest` and the
 * directory `rootfs`, no path twice, within the limits; and that every entry
 * could be placed, so that no image is accepted that can never be rendered.
 * @throws GantryError ACI_LAYOUT_INVALID, ARCHIVE_TOO_BIG, ARCHIVE_CORRUPT,
 *   ARCHIVE_TRUNCATED, ARCHIVE_ENTRY_REFUSED
 */
export function inspectAci(
  tarPath: string,
  limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS,
): Promise<AciContents> {
  return Promise.resolve().then(() => inspect(tarPath, limits));
}

function inspect(tarPath: string, limits: ArchiveLimits): AciContents {
  const fd = openSync(tarPath, 'r');
  try {
    const reader = openTarReader(fd, fstatSync(fd).size, HEADERS_AT_A_TIME);
    const seen = new Set<string>();
    const placed: Placed = new Map();
    let manifestText: string | undefined;
    let [bytes, rootfs] = [0, false];

    for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
      const path = cleanEntryPath(entry.path);
      checkPlace(path, entry);
      rootfs ||= path.startsWith('rootfs');
      if (seen.has(path)) throw badLayout(`it holds "${path}" twice`);
      seen.add(path);
      bytes += entry.size;
      if (path.startsWith(ROOT_PREFIX))
        notePlaced(placed, {
          entry,
          path: path.slice(ROOT_PREFIX.length),
          linkTarget: linkTargetOf(entry),
        });
      checkLimits({ entries: placed.size + TOP_ENTRIES, bytes }, limits);
      if (path === 'manifest') manifestText = readManifest(reader, entry, limits);
    }

    if (manifestText === undefined) throw badLayout('it has no manifest');
    if (!rootfs) throw badLayout('it has no rootfs');
    return { manifestText, entries: seen.size, bytes };
  } finally {
    closeSync(fd);
  }
}

/**
 * The text of the manifest in an archive that was taken in, of which no more is
 * read than what lies before it.
 * @throws GantryError ACI_LAYOUT_INVALID, ARCHIVE_*
 */
export function readAciManifest(
  tarPath: string,
  limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS,
): string {
  const fd = openSync(tarPath, 'r');
  try {
    const reader = openTarReader(fd, fstatSync(fd).size, HEADERS_AT_A_TIME);
    for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
      if (cleanEntryPath(entry.path) === 'manifest') return readManifest(reader, entry, limits);
    }
    throw badLayout('it has no manifest');
  } finally {
    closeSync(fd);
  }
}

/** Top-level rules; the archive's top itself (`.`) may be there and says nothing. */
function checkPlace(path: string, { type }: ArchiveEntry): void {
  if (path === '' || path.startsWith('rootfs/')) return;
  if (path === 'rootfs') {
    if (type !== 'directory') throw badLayout('its rootfs is no directory');
    return;
  }
  if (path === 'manifest') {
    if (type !== 'file') throw badLayout('its manifest is no file');
    return;
  }

  throw badLayout(`"${path}" is neither the manifest nor in rootfs`);
}

/**
 * Refuses an archive that has grown past its limits.
 * @throws GantryError ARCHIVE_TOO_BIG
 */
export function checkLimits(
  sofar: { readonly entries: number; readonly bytes: number },
  limits: ArchiveLimits,
): void {
  if (sofar.entries > limits.maxEntries)
    throw tooBig(`it holds more than ${limits.maxEntries} entries`);
  if (sofar.bytes > limits.maxBytes) throw tooBig(`it holds more than ${limits.maxBytes} bytes`);
}

function readManifest(
  reader: TarReader,
  { size, sparse }: ArchiveEntry,
  limits: ArchiveLimits,
): string {
  if (size > limits.maxManifest)
    throw badLayout(`its manifest is larger than ${limits.maxManifest} bytes`);
  if (sparse !== undefined) throw badLayout('its manifest is a sparse file');

  const pieces: Buffer[] = [];
  for (let piece = reader.piece(); piece !== undefined; piece = reader.piece()) {
    pieces.push(Buffer.from(piece));
  }
  const manifest = Buffer.concat(pieces);
  if (!isUtf8(manifest)) throw badLayout('its manifest is not UTF-8');

  return manifest.toString();
}
