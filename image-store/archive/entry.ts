/** What an archive entry makes in the file system. */
export type EntryType = 'file' | 'link' | 'symlink' | 'directory' | 'char' | 'block' | 'fifo';

/** One extended attribute; the value is bytes (`security.capability` is binary). */
export interface Xattr {
  readonly name: string;
  readonly value: Buffer;
}

/** A run of real bytes in a sparse file; what lies between two runs is a hole. */
export interface SparseRun {
  readonly offset: number;
  readonly length: number;
}

/** One entry of a tar archive with all headers before it (PAX, GNU) applied. */
export interface ArchiveEntry {
  /** As written in the archive, UTF-8. */
  readonly path: string;
  readonly type: EntryType;
  /** Permission and set-id bits, no type bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Size of the file as it will lie on disk; 0 for anything but files. */
  readonly size: number;
  /** Modification time in nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Target of a hard or symbolic link, otherwise empty. */
  readonly linkPath: string;
  readonly device: { readonly major: number; readonly minor: number };
  readonly xattrs: readonly Xattr[];
  /** Undefined for an ordinary file. */
  readonly sparse: readonly SparseRun[] | undefined;
}
