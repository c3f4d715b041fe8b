import { errorMessage } from '#base/errors/gantry-error';
import type { Signature, SignaturePacket } from 'openpgp';
import { hashName, isHashAccepted } from './body-digest.ts';
import { loadOpenPgp } from './openpgp.ts';
import { malformedSignature, type TrustError, weakSignature } from './refusals.ts';

/** Signatures of many signers fit many times over. */
const MAX_SIGNATURE_BYTES = 256 * 1024;

/** Signatures in one file, at most: each version 6 one is a hash of its own over the whole body. */
const MAX_SIGNATURES = 8;

/**
 * Reads a detached signature file, armored (one or several blocks, text around them ignored) or binary.
 * @returns the signatures in it that can be checked, at least one
 * @throws GantryError SIGNATURE_MALFORMED, or SIGNATURE_WEAK when all that is wrong with them is their hash
 */
export async function parseSignatures(bytes: Uint8Array): Promise<readonly SignaturePacket[]> {
  if (bytes.length === 0) throw malformedSignature('it is empty');
  if (bytes.length > MAX_SIGNATURE_BYTES) {
    throw malformedSignature(`larger than ${MAX_SIGNATURE_BYTES} bytes`);
  }

  const { openpgp } = await loadOpenPgp();
  const packets = await readPackets(bytes);
  if (packets.length === 0)
    throw malformedSignature('there is no signature of a known version in it');
  if (packets.length > MAX_SIGNATURES) throw tooMany();

  const overFiles = packets.filter(
    ({ signatureType }) => signatureType === openpgp.enums.signature.binary,
  );
  if (overFiles.length === 0) {
    throw malformedSignature('it signs a text or a key, not the bytes of a file');
  }
  const strong = overFiles.filter(({ hashAlgorithm }) => isHashAccepted(hashAlgorithm ?? 0));
  if (strong.length === 0) throw weakSignature(hashName(overFiles[0]?.hashAlgorithm));

  return strong;
}

/** The key a signature names as its maker: fingerprint, else key id, lower-case hexadecimal; undefined when it names none. */
export function issuerOf(packet: SignaturePacket): string | undefined {
  if (packet.issuerFingerprint !== null) {
    return Buffer.from(packet.issuerFingerprint).toString('hex');
  }
  const id = packet.issuerKeyID.toHex();

  return /^0*$/.test(id) ? undefined : id;
}

/** Armored is tried first, as rkt does; of several blocks those that can be read count, as with gpg. */
async function readPackets(bytes: Uint8Array): Promise<readonly SignaturePacket[]> {
  const { openpgp, config } = await loadOpenPgp();
  const blocks = armoredBlocks(bytes);
  if (blocks.length > MAX_SIGNATURES) throw tooMany();

  const read: Signature[] = [];
  let first: unknown;
  for (const armoredSignature of blocks) {
    try {
      read.push(await openpgp.readSignature({ armoredSignature, config }));
    } catch (error) {
      first ??= error;
    }
  }
  if (read.length === 0) {
    const binarySignature = new Uint8Array(bytes);
    const signature = await openpgp
      .readSignature({ binarySignature, config })
      .catch((error: unknown) => {
        const cause = first ?? error;
        throw malformedSignature(errorMessage(cause).replace(/\.$/, ''), cause);
      });
    read.push(signature);
  }

  return read.flatMap(({ packets }) => packets.filterByTag(openpgp.enums.packet.signature));
}

/** Each with the text that follows it, which is ignored as the text before the first is. */
function armoredBlocks(bytes: Uint8Array): readonly string[] {
  const text = Buffer.from(bytes).toString('latin1');

  return text.split(/(?=-----BEGIN PGP)/).filter((block) => block.startsWith('-----BEGIN PGP'));
}

function tooMany(): TrustError {
  return malformedSignature(`more than ${MAX_SIGNATURES} signatures in it`);
}
