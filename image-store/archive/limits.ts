/** How much one archive may hold; beyond it the archive is refused as a tar bomb. */
export interface ArchiveLimits {
  /** Entries, the manifest and `rootfs` itself among them, and the directories above entries. */
  readonly maxEntries: number;
  /** Bytes of content as they would lie on disk, holes of sparse files included. */
  readonly maxBytes: number;
  /** Bytes of the image manifest. */
  readonly maxManifest: number;
}

/** Far above any sane image, far below what fills a disk unnoticed. */
export const DEFAULT_ARCHIVE_LIMITS: ArchiveLimits = {
  maxEntries: 1_000_000,
  maxBytes: 64 * 1024 ** 3,
  maxManifest: 1024 ** 2,
};
