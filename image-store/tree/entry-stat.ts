// Offsets in struct statx, linux/stat.h.
const AT = {
  nlink: 16,
  uid: 20,
  gid: 24,
  mode: 28,
  ino: 32,
  size: 40,
  rdevMajor: 128,
  rdevMinor: 132,
} as const;
/** Length of struct statx. */
export const STATX_SIZE = 256;

/** Words of 32 bits of struct statx that say whether an entry changed: nlink, uid, gid, mode, inode (2), size (2), change time (3). */
export const WATCHED_WORDS: readonly number[] = [4, 5, 6, 7, 8, 9, 10, 11, 24, 25, 26];

/** What an entry of a tree looks like, of struct statx. */
export interface EntryStat {
  readonly kind: EntryKind;
  /** Permission and set-id bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly inode: bigint;
  readonly size: number;
  readonly major: number;
  readonly minor: number;
}

export type EntryKind =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'char'
  | 'block'
  | 'fifo'
  | 'socket'
  | 'unknown';

/** File type bits of st_mode, inode(7). */
const KINDS: Readonly<Record<number, EntryKind>> = {
  0o010000: 'fifo',
  0o020000: 'char',
  0o040000: 'directory',
  0o060000: 'block',
  0o100000: 'file',
  0o120000: 'symlink',
  0o140000: 'socket',
};

/** Reads what the kernel wrote into a `struct statx`. */
export function readEntryStat(record: Buffer): EntryStat {
  const mode = record.readUInt16LE(AT.mode);

  return {
    kind: KINDS[mode & 0o170000] ?? 'unknown',
    mode: mode & 0o7777,
    uid: record.readUInt32LE(AT.uid),
    gid: record.readUInt32LE(AT.gid),
    links: record.readUInt32LE(AT.nlink),
    inode: record.readBigUInt64LE(AT.ino),
    size: Number(record.readBigUInt64LE(AT.size)),
    major: record.readUInt32LE(AT.rdevMajor),
    minor: record.readUInt32LE(AT.rdevMinor),
  };
}
