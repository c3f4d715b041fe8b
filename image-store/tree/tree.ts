import type { ImageManifest } from '#schema/image/image-manifest';
import type { ImageKey } from '#schema/types/image-hash';

/** `packed`: one read-only erofs image. */
export type TreeKind = 'directory' | 'packed';

/** A rendered tree of an image, complete. */
export interface Tree extends PlainTree {
  /** The image that it was rendered for. */
  readonly key: ImageKey;
  /** Bytes of content, its layers' included. */
  readonly size: number;
  /** Of the image; read when first asked for. */
  readonly manifest: ImageManifest;
  /** The trees of an OCI image's layers that it lies over, lowest first; none for an ACI. */
  readonly layers: readonly PlainTree[];
}

/** A rendered tree, of an image or of a layer. */
export interface PlainTree {
  /** `deps-` and the key of an image, or `deps-sha512-` and 64 hexadecimal digits; `layer-` and the digest of a layer. */
  readonly id: string;
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
}

/** A folder among the trees, or what else lies there. */
export interface StoredTree {
  readonly dir: string;
  /** Of the folder: the id, with an ending when it was put aside. */
  readonly name: string;
  /** The tree id; a pod that was started before a tree was put aside still has this one. */
  readonly id: string;
  /** Undefined when the tree is not complete, or a layer's. */
  readonly key: ImageKey | undefined;
  /** Ids of the trees that it lies over. */
  readonly layers: readonly string[];
  readonly size: number;
  /** Whether it was found broken and waits for its last pod to end. */
  readonly broken: boolean;
}

/** The trees of an image, the top one last. */
export function allOf(tree: Tree): readonly PlainTree[] {
  return [...tree.layers, tree];
}

/** Their root file systems as an overlay has them, the top one first. */
export function lowersOf(tree: Tree): readonly string[] {
  return allOf(tree)
    .map(({ rootfs }) => rootfs)
    .toReversed();
}
