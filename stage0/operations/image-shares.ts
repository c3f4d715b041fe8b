import type { ImageKey } from '#schema/types/image-hash';

/** An image and how much of it there is. */
export interface SizedImage {
  readonly key: ImageKey;
  /** All images that it is made of, itself included. */
  readonly needs: readonly ImageKey[];
  /** Bytes. */
  readonly blob: number;
  readonly trees: number;
}

/** Bytes of an image and of all that it is made of. */
export interface ImageShare {
  /** Which other images are made of too. */
  readonly shared: number;
  /** Which none is. */
  readonly unique: number;
}

/**
 * Tells what images have in common. All that is in the store is the sum of what
 * is unique, and once each of what is shared.
 */
export function shareOut(images: readonly SizedImage[]): ReadonlyMap<ImageKey, ImageShare> {
  const blobs = new Map(images.map(({ key, blob }) => [key, blob]));
  const shared = sharedImages(images);

  return new Map(
    images.map(({ key, needs, trees }) => {
      const bytes = (isShared: boolean): number =>
        needs
          .filter((need) => shared.has(need) === isShared)
          .reduce((sum, need) => sum + (blobs.get(need) ?? 0), 0);
      return [key, { shared: bytes(true), unique: bytes(false) + trees }];
    }),
  );
}

/** The images that others than themselves are made of. */
export function sharedImages(images: readonly SizedImage[]): ReadonlySet<ImageKey> {
  return new Set(images.flatMap(({ key, needs }) => needs.filter((need) => need !== key)));
}
