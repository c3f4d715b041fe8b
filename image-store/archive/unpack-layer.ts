import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import type { Exec } from '#base/exec/exec';
import { digestAlgorithm, digestOf, type OciDigest } from '#schema/oci/digest';
import { imageTooLarge } from './archive-error.ts';
import { watchAnnounced } from './announced.ts';
import { pour } from './pour.ts';
import type { ArchiveLimits } from './limits.ts';
import { unpack } from './unpack.ts';

/** What the archive of a layer must be. */
export interface LayerUnpacking {
  readonly exec: Exec;
  /** The layer as errors name it. */
  readonly what: string;
  /** Of the archive, unpacked. */
  readonly diffId: OciDigest;
  readonly limits: Pick<ArchiveLimits, 'maxBytes'>;
}

/**
 * Unpacks the archive of a layer as it comes, and checks it: only who has read it
 * to its end knows that it is what it must be.
 * @param packed its chunks, whose memory must be nobody else's
 * @throws GantryError IMAGE_DIGEST_MISMATCH, ARCHIVE_TOO_BIG, IMAGE_TOO_LARGE, and what `unpack` throws
 */
export async function* unpackedLayer(
  packed: AsyncGenerator<Buffer, void, undefined>,
  { exec, what, diffId, limits }: LayerUnpacking,
): AsyncGenerator<Buffer, void, undefined> {
  const algorithm = digestAlgorithm(diffId);
  const hash = createHash(algorithm);
  const look = watchAnnounced(limits);
  let bytes = 0;
  for await (const chunk of unpack(packed, { exec, what, mayBeEmpty: true })) {
    bytes += chunk.length;
    if (bytes > limits.maxBytes) throw imageTooLarge(limits.maxBytes);
    look(chunk);
    hash.update(chunk);
    yield chunk;
  }

  const found = digestOf(algorithm, hash.digest());
  if (found !== diffId) throw wrongContent(what, diffId, found);
}

const HIGH_WATER_MARK = 1024 * 1024;

/**
 * Writes the archive of a layer to a file.
 * @param target a file that must not be there yet
 * @throws what the archive or the file system fails with
 */
export async function writeArchive(
  archive: AsyncGenerator<Buffer, void, undefined>,
  target: string,
): Promise<void> {
  const options = { flags: 'wx', mode: 0o600, highWaterMark: HIGH_WATER_MARK };
  await pour(archive, createWriteStream(target, options));
}

function wrongContent(what: string, wanted: OciDigest, found: OciDigest): GantryError {
  return new GantryError(
    'IMAGE_DIGEST_MISMATCH',
    `cannot accept ${what}: unpacked it has the digest ${found}, the image's configuration says ${wanted}`,
    { hint: 'its publisher has to build the image anew' },
  );
}
