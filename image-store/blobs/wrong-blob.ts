import { GantryError } from '#base/errors/gantry-error';
import type { OciDigest } from '#schema/oci/digest';

const AGAIN = 'fetch it again; if that does not help, its publisher has to push it again';

/** @param found a number of bytes, or what is known of it */
export function wrongSize(what: string, wanted: number, found: string): GantryError {
  return new GantryError(
    'IMAGE_SIZE_MISMATCH',
    `cannot accept ${what}: it should have ${wanted} bytes and has ${found}`,
    { hint: AGAIN },
  );
}

export function wrongDigest(what: string, found: OciDigest): GantryError {
  return new GantryError(
    'IMAGE_DIGEST_MISMATCH',
    `cannot accept ${what}: what came has the digest ${found}`,
    { hint: AGAIN },
  );
}
