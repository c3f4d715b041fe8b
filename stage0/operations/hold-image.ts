import { isGantryError } from '#base/errors/gantry-error';
import type { Lease } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import type { Library } from './library.ts';

/** So often an image is looked for that others remove as soon as it is there. */
const TRIES = 5;

/** Images that nobody removes while this is held; disposing of it gives them back, a second time is nothing. */
export interface ImageHold extends Disposable {
  /** Adds images. @throws GantryError IMAGE_NOT_FOUND */
  hold(keys: readonly ImageKey[]): void;
  /**
   * Finds an image and adds it. Collected between being found and being held,
   * it is found, or fetched, again.
   * @throws GantryError IMAGE_NOT_FOUND, and what `find` throws
   */
  find(find: () => Promise<ImageKey>): Promise<ImageKey>;
}

/** Holds images for a pod until its directory says what it is made of. */
export function holdImages({ store }: Pick<Library, 'store'>): ImageHold {
  const leases: Lease[] = [];
  const hold = (keys: readonly ImageKey[]): void => void leases.push(store.lease(keys));

  return {
    hold,
    async find(find) {
      for (let tries = 1; ; tries += 1) {
        const key = await find();
        try {
          hold([key]);
          return key;
        } catch (error) {
          if (tries === TRIES || !isGantryError(error, 'IMAGE_NOT_FOUND')) throw error;
        }
      }
    },
    [Symbol.dispose]: () => leases.splice(0).forEach((lease) => lease.release()),
  };
}
