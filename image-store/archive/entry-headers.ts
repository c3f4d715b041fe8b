import { corrupt, refused } from './archive-error.ts';
import type { ArchiveEntry, EntryType, SparseRun, Xattr } from './entry.ts';
import { type PaxRecord, paxInteger, paxTime } from './pax.ts';
import { oldSparseSize, paxSparseMap } from './sparse.ts';
import { nameText, type TarBlock } from './tar-block.ts';

/** A header block with the extensions that came before it. */
export interface EntryHeaders {
  readonly block: TarBlock;
  readonly pax: readonly PaxRecord[];
  /** GNU long name and long link target. */
  readonly longName: Buffer | undefined;
  readonly longLink: Buffer | undefined;
  /** How many bytes the entry takes in the archive. */
  readonly stored: number;
}

/** Type flags (POSIX.1-2017 pax; `S` is GNU's sparse file, `7` a contiguous one). */
const TYPES: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};
const XATTR_PREFIX = 'SCHILY.xattr.';
const LIBARCHIVE_PREFIX = 'LIBARCHIVE.xattr.';
/** The highest uid and gid; one more means "none" (chown(2)). */
const MAX_ID = 0xffff_fffe;
/** 12 and 20 bits, linux/kdev_t.h. */
const MAX_MAJOR = 0xfff;
const MAX_MINOR = 0xf_ffff;

/**
 * Makes one entry of its headers.
 * @throws GantryError ARCHIVE_CORRUPT, ARCHIVE_ENTRY_REFUSED for a type that cannot be placed
 */
export function entryOf(headers: EntryHeaders): ArchiveEntry {
  const { block, longName, longLink, stored } = headers;
  const pax = new Map(headers.pax.map(({ key, value }) => [key, value]));
  const path = nameText(longName ?? pax.get('GNU.sparse.name') ?? pax.get('path') ?? block.name);
  if (path === '' || path.includes('\0')) throw corrupt('an entry has no proper name');

  const type = typeOf(block.flag, path);
  if (type !== 'file' && type !== 'directory' && stored !== 0)
    throw refused(path, 'it is no file and yet has content');
  if ([...pax.keys()].some((key) => key.startsWith('SCHILY.acl.')))
    throw refused(path, 'it has an access control list, which cannot be kept');

  const sparse = sparseOf(headers);
  if (sparse !== undefined && sparse.size < 0) throw refused(path, 'its size is negative');
  return demandDevice({
    path,
    type,
    mode: block.mode & 0o7777,
    uid: ownerId(path, pax.get('uid'), block.uid),
    gid: ownerId(path, pax.get('gid'), block.gid),
    size: type === 'file' ? (sparse?.size ?? stored) : 0,
    mtimeNs: timeOf(block, pax),
    linkPath: linkTarget(type, longLink ?? pax.get('linkpath') ?? block.linkName, path),
    device: deviceOf(block, pax),
    xattrs: xattrsOf(headers.pax),
    sparse: sparse?.runs,
  });
}

function typeOf(flag: string, path: string): EntryType {
  const type = TYPES[flag];
  if (type === undefined) throw refused(path, `it is of the unknown type "${flag}"`);

  // Before ustar a directory was a file whose name ends in a slash.
  return type === 'file' && path.endsWith('/') ? 'directory' : type;
}

function ownerId(path: string, record: Buffer | undefined, field: number): number {
  const id = record === undefined ? field : paxInteger('uid or gid', record);
  if (id < 0 || id > MAX_ID) throw refused(path, `its owner ${id} is no user or group id`);

  return id;
}

function timeOf(block: TarBlock, pax: ReadonlyMap<string, Buffer>): bigint {
  const record = pax.get('mtime');
  return record === undefined ? BigInt(block.mtime) * 1_000_000_000n : paxTime('mtime', record);
}

function linkTarget(type: EntryType, bytes: Buffer, path: string): string {
  if (type !== 'link' && type !== 'symlink') return '';

  const target = nameText(bytes);
  if (target === '' || target.includes('\0')) throw refused(path, 'it is a link without a target');
  return target;
}

function deviceOf(
  block: TarBlock,
  pax: ReadonlyMap<string, Buffer>,
): { major: number; minor: number } {
  const major = pax.get('SCHILY.devmajor');
  const minor = pax.get('SCHILY.devminor');

  return {
    major: major === undefined ? block.major : paxInteger('SCHILY.devmajor', major),
    minor: minor === undefined ? block.minor : paxInteger('SCHILY.devminor', minor),
  };
}

/** Device numbers that the kernel would cut are refused, not changed. */
function demandDevice(entry: ArchiveEntry): ArchiveEntry {
  const { major, minor } = entry.device;
  const fits = major >= 0 && major <= MAX_MAJOR && minor >= 0 && minor <= MAX_MINOR;
  if ((entry.type === 'char' || entry.type === 'block') && !fits)
    throw refused(entry.path, `there is no device ${major}:${minor}`);

  return entry;
}

function xattrsOf(pax: readonly PaxRecord[]): readonly Xattr[] {
  const found = new Map<string, Buffer>();
  for (const { key, value } of pax) {
    // libarchive writes both forms; SCHILY's holds the bytes as they are.
    if (key.startsWith(LIBARCHIVE_PREFIX)) {
      const name = decodeName(key.slice(LIBARCHIVE_PREFIX.length));
      if (!found.has(name)) found.set(name, Buffer.from(value.toString('latin1'), 'base64'));
    }
    if (key.startsWith(XATTR_PREFIX)) found.set(key.slice(XATTR_PREFIX.length), value);
  }

  return [...found].map(([name, value]) => ({ name, value }));
}

function decodeName(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw corrupt('an extended attribute has a broken name');
  }
}

function sparseOf(
  headers: EntryHeaders,
): { readonly size: number; readonly runs: readonly SparseRun[] } | undefined {
  if (headers.block.flag === 'S') return { size: oldSparseSize(headers.block.raw), runs: [] };

  const size = headers.pax.findLast(
    ({ key }) => key === 'GNU.sparse.realsize' || key === 'GNU.sparse.size',
  );
  if (size === undefined) return undefined;

  return { size: paxInteger(size.key, size.value), runs: paxSparseMap(headers.pax) };
}
