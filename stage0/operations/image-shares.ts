import type { ImageKey } from '#schema/types/image-hash';

/** An image and what it is made of. */
export interface SizedImage {
  readonly key: ImageKey;
  /** Bytes of all that it is made of, by what tells one part from others: blobs and trees, those that it has in common with other images too. */
  readonly parts: ReadonlyMap<string, number>;
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
  const shared = sharedParts(images);

  return new Map(
    images.map(({ key, parts }) => {
      const bytes = (isShared: boolean): number =>
        [...parts]
          .filter(([part]) => shared.has(part) === isShared)
          .reduce((sum, [, size]) => sum + size, 0);
      return [key, { shared: bytes(true), unique: bytes(false) }];
    }),
  );
}

/** The parts that several images are made of. */
export function sharedParts(images: readonly SizedImage[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const { parts } of images) {
    for (const part of parts.keys()) (seen.has(part) ? shared : seen).add(part);
  }

  return shared;
}

/** Bytes of all parts of images, each once. */
export function sizeOfAll(images: readonly SizedImage[]): number {
  const all = new Map(images.flatMap(({ parts }) => [...parts]));

  return [...all.values()].reduce((sum, size) => sum + size, 0);
}
