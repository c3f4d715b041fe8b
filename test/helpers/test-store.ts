import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  type Acceptance,
  type ImageRecord,
  type ImageStore,
  openImageStore,
  type StoreOptions,
} from '#image-store';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { nullLog } from '#base/log/log';
import { type TinyAci, tinyAci } from './tiny-aci.ts';

/** An acceptance as a verified fetch gives it. */
export const SIGNED: Acceptance = {
  how: 'signed',
  fingerprint: 'a'.repeat(40),
  prefix: '',
  time: 1_600_000_000_000,
  source: 'https://example.com/a.aci',
};

/** How a worker that unpacks archives starts from the sources. */
export const WORKERS = {
  extract: [process.execPath, join(import.meta.dirname, '../../image-store/extract-worker.ts')],
} as const;

/** Opens a store in a folder with the real kernel. */
export function openTestStore(dir: string, options: Partial<StoreOptions> = {}): ImageStore {
  return openImageStore({
    dir,
    kernel: linuxKernel,
    exec: nodeExec,
    log: nullLog,
    workers: WORKERS,
    ...options,
  });
}

/** Takes in one image as a fetch does. */
export async function addImage(
  store: ImageStore,
  image: TinyAci,
  { accepted = SIGNED, latest = false }: { accepted?: Acceptance; latest?: boolean } = {},
): Promise<ImageRecord> {
  await using ingest = await store.beginIngest();
  await pipeline([tinyAci(image)], ingest.sink);
  await ingest.finish();

  return await ingest.commit(accepted, { latest });
}
