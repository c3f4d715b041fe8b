import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import {
  type DigestAlgorithm,
  digestAlgorithm,
  digestOf,
  type OciDigest,
} from '#schema/oci/digest';

const READ_SIZE = 1024 * 1024;

/** The digest of a file. @throws errors of the system as they come */
export async function hashFile(path: string, algorithm: DigestAlgorithm): Promise<Buffer> {
  const hash = createHash(algorithm);
  const chunks = createReadStream(path, { highWaterMark: READ_SIZE });
  for await (const chunk of chunks) hash.update(chunk as Buffer);

  return hash.digest();
}

/** Whether a file is there and has a digest. @throws errors of the system as they come */
export async function isIntactFile(path: string, digest: OciDigest): Promise<boolean> {
  const algorithm = digestAlgorithm(digest);
  try {
    return digestOf(algorithm, await hashFile(path, algorithm)) === digest;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
