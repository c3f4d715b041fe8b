import type { Exec } from '#base/exec/exec';
import type { ImageKey } from '#schema/types/image-hash';
import type { ImageStore } from '../store.ts';
import { dockerArchive } from './docker-archive.ts';
import { savedName } from './image-names.ts';
import { type NamedImage, ociArchive } from './oci-archive.ts';
import { openOutgoing } from './outgoing-image.ts';

export type ArchiveFormat = 'oci-archive' | 'docker-archive';

/** Images of a store that go into one archive. */
export interface ArchiveRequest {
  readonly store: ImageStore;
  readonly exec: Exec;
  /** Kept from being removed by the caller. */
  readonly keys: readonly ImageKey[];
  readonly format: ArchiveFormat;
}

/**
 * Images of the store in one archive, by the names that they have there.
 * @throws GantryError IMAGE_NOT_OCI, IMAGE_CORRUPT, ARCHIVE_*
 */
export async function* imageArchive({
  store,
  exec,
  keys,
  format,
}: ArchiveRequest): AsyncGenerator<Buffer, void, undefined> {
  const images: NamedImage[] = [];
  for (const key of new Set(keys)) {
    const image = await openOutgoing(store, key);
    images.push({ image, name: savedName(image) });
  }

  yield* format === 'oci-archive' ? ociArchive(images) : dockerArchive(exec, images);
}
