import type { ImageKey } from '#schema/types/image-hash';

/** What pods use. */
export interface InUse {
  readonly images: ReadonlySet<ImageKey>;
  readonly trees: ReadonlySet<string>;
}

/**
 * Looks at the pods. Asked anew under the lock of whatever is about to be
 * removed, because a pod may have been prepared since the last look.
 */
export type InUseProbe = () => InUse;

/** A rendered tree as far as gc is concerned. */
export interface CollectableTree {
  readonly id: string;
  /** The image that it was rendered for. */
  readonly image: ImageKey;
}

/** The rendered trees as far as gc is concerned. */
export interface CollectableTrees {
  list(): readonly CollectableTree[];
  /** Takes a tree out of sight before it returns; settles when its files are gone. */
  remove(id: string): Promise<void>;
}

/** For who knows of no pods. */
export const nothingInUse: InUseProbe = () => ({ images: new Set(), trees: new Set() });
