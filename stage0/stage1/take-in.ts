import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { DEFAULT_ARCHIVE_LIMITS, type ImageStore } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import type { BuiltinImage } from './builtin.ts';

/**
 * Takes one of the program's own images into the store.
 * @throws GantryError what taking in an image throws
 */
export async function takeIn(store: ImageStore, { path, now }: BuiltinImage): Promise<ImageKey> {
  // Limits are for what others made.
  await using ingest = await store.beginIngest(DEFAULT_ARCHIVE_LIMITS);
  await pipeline(createReadStream(path), ingest.sink);
  const { key } = await ingest.finish();
  await ingest.commit({ how: 'builtin', time: now, source: path }, { latest: false });

  return key;
}
