import type { ImageManifest } from '#schema/image/image-manifest';
import type { ImageKey } from '#schema/types/image-hash';

/** `packed`: one read-only erofs image. */
export type TreeKind = 'directory' | 'packed';

/** A rendered tree, complete. */
export interface Tree {
  /** `deps-sha512-` and 64 hexadecimal digits. */
  readonly id: string;
  /** The image that it was rendered for. */
  readonly key: ImageKey;
  /** The tree's own folder. */
  readonly dir: string;
  /** Whether its root file system is a directory, or an image that has to be mounted there. */
  readonly kind: TreeKind;
  /** Its root file system; for a packed tree only where `attach` was called. */
  readonly rootfs: string;
  /** Bytes of content. */
  readonly size: number;
  readonly entries: number;
  /** Of all that the tree held when it was rendered: `sha512-` and 128 hexadecimal digits. */
  readonly hash: string;
  /** Of the image; read when first asked for. */
  readonly manifest: ImageManifest;
}

/** A folder among the trees. */
export interface StoredTree {
  readonly dir: string;
  /** Of the folder: the id, with an ending when it was put aside. */
  readonly name: string;
  /** The tree id; a pod that was started before a tree was put aside still has this one. */
  readonly id: string;
  /** Undefined when the tree is not complete. */
  readonly key: ImageKey | undefined;
  readonly size: number;
  /** Whether it was found broken and waits for its last pod to end. */
  readonly broken: boolean;
}
