import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { syncDir } from '#base/fs/atomic';
import type { Exec } from '#base/exec/exec';
import { digestAlgorithm, digestOf, type OciDigest } from '#schema/oci/digest';
import { inspectLayer } from '../archive/inspect-layer.ts';
import type { ArchiveLimits } from '../archive/limits.ts';
import { unpackedLayer, writeArchive } from '../archive/unpack-layer.ts';
import type { StoreContext } from '../format/context.ts';
import { ociBlobPath } from '../format/layout.ts';
import { makeStoreDir, STORE_FILE_MODE } from '../format/permissions.ts';
import { moveIntoStore } from '../format/store-file.ts';
import type { OciLayer } from '../index/image-record.ts';
import type { LayerArchive, Staged } from '../tree/stage-layer.ts';
import { type BlobWriter, openBlobWriter } from './blob-writer.ts';
import { makeTempEntry } from './temp-entry.ts';
import { wrongDigest, wrongSize } from './wrong-blob.ts';

/** A layer on its way into the store. */
export interface ArrivingLayer extends OciLayer {
  /** Its archive, packed, as it comes; the memory of the chunks must be nobody else's. */
  readonly chunks: AsyncGenerator<Buffer, void, undefined>;
  /** As errors name it. */
  readonly what: string;
}

/** What taking in a layer works with. */
export interface LayerTaker {
  readonly context: StoreContext;
  readonly exec: Exec;
  readonly limits: ArchiveLimits;
  /** Makes its tree while it comes; undefined where it is not made yet. */
  readonly stage: ((layer: LayerArchive) => Promise<Staged>) | undefined;
}

/**
 * Takes in a layer while it comes: it is hashed and written as it is, unpacked and
 * hashed again, and everything in it looked at, before it gets its name. The
 * caller holds its blob.
 * @throws GantryError IMAGE_SIZE_MISMATCH, IMAGE_DIGEST_MISMATCH, ARCHIVE_*, STORE_FULL
 */
export async function takeLayer(taker: LayerTaker, layer: ArrivingLayer): Promise<void> {
  const { exec, limits, context } = taker;
  const { kernel, dir } = context;
  const { digest, diffId, size, what } = layer;
  using entry = makeTempEntry(kernel, dir, 'layer');
  const packed = join(entry.path, 'packed');
  const algorithm = digestAlgorithm(digest);
  const writer = openBlobWriter({ path: packed, dir, maxBytes: size, algorithm });
  writer.sink.on('error', () => {});
  try {
    const source = kept(layer, writer.sink);
    const archive = unpackedLayer(source, { exec, what, diffId, limits });
    const file = join(entry.path, 'layer.tar');
    using staged = await stageWith(taker, { diffId, archive }, file).catch(async (error) => {
      // What is wrong inside says nothing about a layer when something else came.
      if (writer.size() === size) await demandDigest(writer, layer);
      throw error;
    });
    await demandDigest(writer, layer);
    staged.demand();
    await writer.sync();
    place(dir, digest, packed);
    await staged.place();
  } finally {
    await writer.close();
  }
}

/** @throws GantryError IMAGE_DIGEST_MISMATCH when what has come, and that is all, is not the layer */
async function demandDigest(
  writer: BlobWriter,
  { digest: wanted, what }: ArrivingLayer,
): Promise<void> {
  writer.sink.end();
  await finished(writer.sink);
  const found = digestOf(digestAlgorithm(wanted), writer.digest());
  if (found !== wanted) throw wrongDigest(what, found);
}

/** Looks at everything in the archive, by making its tree or, where that is not to be made, in a file. */
async function stageWith(
  { stage, limits }: LayerTaker,
  layer: LayerArchive,
  file: string,
): Promise<Staged> {
  if (stage !== undefined) return await stage(layer);
  await writeArchive(layer.archive, file);

  return {
    demand: () => void inspectLayer(file, limits),
    place: async () => {},
    [Symbol.dispose]: () => {},
  };
}

function place(dir: string, digest: OciDigest, packed: string): void {
  const path = ociBlobPath(dir, digest);
  if (makeStoreDir(dirname(path))) syncDir(dirname(dirname(path)));
  chmodSync(packed, STORE_FILE_MODE);
  moveIntoStore(packed, path);
  syncDir(dirname(path));
}

/** Writes the chunks down on their way, and counts them. */
async function* kept(
  { chunks, size, what }: ArrivingLayer,
  sink: Writable,
): AsyncGenerator<Buffer, void, undefined> {
  let done = 0;
  for await (const chunk of chunks) {
    done += chunk.length;
    if (done > size) throw wrongSize(what, size, 'more');
    await written(sink, chunk);
    yield chunk;
  }
  if (done !== size) throw wrongSize(what, size, `${done}`);
}

async function written(sink: Writable, chunk: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    sink.write(chunk, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}
