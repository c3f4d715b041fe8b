import { chmodSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { type ImageManifest, parseImageManifest } from '#schema/image/image-manifest';
import { type ImageKey, imageKeyOf } from '#schema/types/image-hash';
import { watchAnnounced } from '../archive/announced.ts';
import { type ArchiveLimits, DEFAULT_ARCHIVE_LIMITS } from '../archive/limits.ts';
import type { StoreContext } from '../format/context.ts';
import { STORE_FILE_MODE, storeError } from '../format/permissions.ts';
import type { Acceptance, ImageRecord } from '../index/image-record.ts';
import { applyCommit } from './apply-commit.ts';
import { type BlobWriter, openBlobWriter } from './blob-writer.ts';
import { INCOMING, INCOMING_PURPOSE, writeDecision } from './incoming.ts';
import type { BlobFile, TakenBlobs } from './taken-blobs.ts';
import { makeTempEntry, type TempEntry } from './temp-entry.ts';

/** Limits on one image; `maxBytes` also on its uncompressed archive. Those of the archive reader unless told. */
export type IngestLimits = { readonly [Limit in keyof ArchiveLimits]?: number | undefined };

/** What is known about a blob that has come whole. */
export interface IngestedBlob {
  readonly key: ImageKey;
  readonly size: number;
  readonly manifest: ImageManifest;
}

/** One blob being taken in; nobody sees it before `commit`. */
export interface Ingest extends AsyncDisposable {
  /** Takes the uncompressed tar; hashes it and writes it to the store's tmp/. */
  readonly sink: Writable;
  /**
   * After the sink has finished: checks the archive's layout and reads its manifest.
   * @throws GantryError what the archive is refused for, IMAGE_TOO_LARGE, STORE_FULL
   */
  finish(): Promise<IngestedBlob>;
  /**
   * After `finish`: makes the image visible. Bringing an image that is there
   * already is success; what was known about its acceptance is not weakened.
   * @throws GantryError STORE_FULL, STORE_NO_PERMISSION
   */
  commit(accepted: Acceptance, extra: { readonly latest: boolean }): Promise<ImageRecord>;
  /** Leaves nothing behind; after `commit`, or a second time, it is nothing. */
  abort(): Promise<void>;
}

/**
 * Begins to take in a blob.
 * @param taken is told when it was hashed and is in its place
 * @throws GantryError STORE_FULL, STORE_NO_PERMISSION
 */
export function beginIngest(
  context: StoreContext,
  taken: Pick<TakenBlobs, 'note'>,
  limits: IngestLimits = {},
): Ingest {
  const { maxEntries, maxBytes, maxManifest } = DEFAULT_ARCHIVE_LIMITS;
  const archiveLimits: ArchiveLimits = {
    maxEntries: limits.maxEntries ?? maxEntries,
    maxBytes: limits.maxBytes ?? maxBytes,
    maxManifest: limits.maxManifest ?? maxManifest,
  };
  const { entry, writer } = openIncoming(context, archiveLimits.maxBytes);
  // A failed sink is reported by whoever writes to it, and by finish().
  writer.sink.on('error', () => {});
  let blob: Inspected | undefined;

  const abort = async (): Promise<void> => {
    writer.sink.destroy();
    await writer.close();
    entry.remove();
  };

  return {
    sink: writer.sink,
    finish: async () => {
      blob = await inspectIncoming({ entry, writer, limits: archiveLimits });
      return blob;
    },
    commit: async (accepted, { latest }) => {
      if (blob === undefined) throw new Error('an image must be finished before it is committed');
      await writer.close();
      try {
        const record = commitIncoming(context, entry.path, { blob, accepted, latest });
        taken.note(record.key, blob.file);
        return record;
      } catch (error) {
        throw storeError(error, context.dir);
      } finally {
        entry.remove();
      }
    },
    abort,
    [Symbol.asyncDispose]: abort,
  };
}

function openIncoming(
  { kernel, dir }: StoreContext,
  maxBytes: number,
): { readonly entry: TempEntry; readonly writer: BlobWriter } {
  try {
    const entry = makeTempEntry(kernel, dir, INCOMING_PURPOSE);
    try {
      const path = join(entry.path, INCOMING.blob);
      const look = watchAnnounced({ maxBytes });
      const writer = openBlobWriter({ path, dir, maxBytes, look });
      return { entry, writer };
    } catch (error) {
      entry.remove();
      throw error;
    }
  } catch (error) {
    throw storeError(error, dir);
  }
}

interface Inspected extends IngestedBlob {
  readonly manifestText: string;
  /** The file that was hashed. */
  readonly file: BlobFile;
}

interface Incoming {
  readonly entry: TempEntry;
  readonly writer: BlobWriter;
  readonly limits: ArchiveLimits;
}

async function inspectIncoming({ entry, writer, limits }: Incoming): Promise<Inspected> {
  const { sink } = writer;
  if (sink.errored !== null) throw sink.errored;
  if (!sink.writableFinished) throw new Error('an image must be ended before it is finished');

  // The archive reader is only needed where images are taken in.
  const { inspectAci } = await import('../archive/inspect.ts');
  const [{ manifestText }] = await Promise.all([
    inspectAci(join(entry.path, INCOMING.blob), limits),
    writer.sync(),
  ]);

  return {
    key: imageKeyOf(writer.digest()),
    size: writer.size(),
    manifest: parseImageManifest(manifestText),
    manifestText,
    file: writer.file(),
  };
}

interface Wish {
  readonly blob: Inspected;
  readonly accepted: Acceptance;
  readonly latest: boolean;
}

/** Writes down what was decided, then carries it out. */
function commitIncoming(
  context: StoreContext,
  folder: string,
  { blob, accepted, latest }: Wish,
): ImageRecord {
  const importTime = context.clock();
  const { key, size, manifest, manifestText } = blob;
  const { name, labels = [] } = manifest;

  chmodSync(join(folder, INCOMING.blob), STORE_FILE_MODE);
  utimesSync(join(folder, INCOMING.blob), importTime / 1000, importTime / 1000);
  const record = { key, name, labels, importTime, size };
  writeDecision(folder, { record, keeping: { accepted, latest }, manifestText });
  const committed = applyCommit(context, folder);
  if (committed === undefined) throw new Error(`image ${key} is not there after it was taken in`);

  return committed;
}
