import { GantryError } from '#base/errors/gantry-error';
import type { Exec } from '#base/exec/exec';
import { digestAlgorithm, digestOf, type OciDigest } from '#schema/oci/digest';
import { openBlobWriter } from '../blobs/blob-writer.ts';
import { watchAnnounced } from './announced.ts';
import { pour } from './pour.ts';
import type { ArchiveLimits } from './limits.ts';
import { unpack } from './unpack.ts';

/** Where the archive of a layer goes and what it must be. */
export interface LayerUnpacking {
  readonly exec: Exec;
  /** The layer as errors name it. */
  readonly what: string;
  /** Of the archive, unpacked. */
  readonly diffId: OciDigest;
  /** A file that must not be there yet. */
  readonly target: string;
  /** The store's folder, named in errors. */
  readonly dir: string;
  readonly limits: Pick<ArchiveLimits, 'maxBytes'>;
}

/**
 * Unpacks the archive of a layer as it comes, and checks it.
 * @param packed its chunks, whose memory must be nobody else's
 * @throws GantryError IMAGE_DIGEST_MISMATCH, ARCHIVE_TOO_BIG, IMAGE_TOO_LARGE, STORE_FULL, and what `unpack` throws
 */
export async function unpackLayer(
  packed: AsyncGenerator<Buffer, void, undefined>,
  { exec, what, diffId, target, dir, limits }: LayerUnpacking,
): Promise<void> {
  const algorithm = digestAlgorithm(diffId);
  const writer = openBlobWriter({
    path: target,
    dir,
    maxBytes: limits.maxBytes,
    look: watchAnnounced(limits),
    algorithm,
    durable: false,
  });
  writer.sink.on('error', () => {});
  try {
    await pour(unpack(packed, { exec, what, mayBeEmpty: true }), writer.sink);
    const found = digestOf(algorithm, writer.digest());
    if (found !== diffId) throw wrongContent(what, diffId, found);
  } finally {
    await writer.close();
  }
}

function wrongContent(what: string, wanted: OciDigest, found: OciDigest): GantryError {
  return new GantryError(
    'IMAGE_DIGEST_MISMATCH',
    `cannot accept ${what}: unpacked it has the digest ${found}, the image's configuration says ${wanted}`,
    { hint: 'its publisher has to build the image anew' },
  );
}
