/** How a directory looks. */
export interface DirectoryLook {
  /** Clean path below the root; the empty string is the root. */
  readonly path: string;
  /** Permission and set-id bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970, decimal. */
  readonly mtime: string;
  /** The values in base64. */
  readonly attributes: readonly { readonly name: string; readonly value: string }[];
}

/** What overlayfs would get wrong of the directories of a layer; the root is the empty path. */
export interface LayerDirectories {
  /** Those that the layer's archive has no entry for. */
  readonly implied: readonly string[];
  /** Those in which something of lower layers is hidden. */
  readonly hiding: readonly string[];
}
