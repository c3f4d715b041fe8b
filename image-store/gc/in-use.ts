import type { ImageKey } from '#schema/types/image-hash';

/** What pods use, those being prepared and those prepared among them. */
export interface InUse {
  readonly images: ReadonlySet<ImageKey>;
  /** Tree ids. */
  readonly trees: ReadonlySet<string>;
}

/**
 * Looks at the pods. Asked anew under the lock of whatever is about to be
 * removed, because a pod may have been prepared since the last look.
 */
export type InUseProbe = () => InUse;

/** For who knows of no pods. */
export const nothingInUse: InUseProbe = () => ({ images: new Set(), trees: new Set() });
