import { errorMessage, isGantryError } from '#base/errors/gantry-error';
import type { SignaturePacket } from 'openpgp';
import { startBodyDigest } from './body-digest.ts';
import { demandUsable, nameOf, type Signer } from './key-judgement.ts';
import { ANY_TIME, loadOpenPgp } from './openpgp.ts';
import {
  expiredSignature,
  futureSignature,
  invalidSignature,
  malformedSignature,
} from './refusals.ts';
import { issuerOf, parseSignatures } from './signature-file.ts';
import {
  createSignerSearch,
  type FoundSigner,
  type SearchPlace,
  type SignerSearch,
} from './signer-search.ts';
import type { TrustRefusal, VerifiedBy, Verifier } from './trust-types.ts';

export interface VerifierOptions {
  /** The present, ms since 1970; the system's clock unless told. */
  readonly now?: (() => number) | undefined;
}

/**
 * Starts checking a detached signature, before the file it signs streams by.
 * @param signature the signature file's bytes, armored or binary
 * @throws GantryError SIGNATURE_MALFORMED, SIGNATURE_WEAK
 */
export async function createVerifier(
  signature: Uint8Array,
  { now = Date.now }: VerifierOptions = {},
): Promise<Verifier> {
  const packets = await parseSignatures(signature);
  const digest = await startBodyDigest(packets).catch((cause: unknown) => {
    throw malformedSignature(errorMessage(cause), cause);
  });
  const search = createSignerSearch();
  const checkKey: Check = async (_packet, { signer }) => await demandUsable(signer, now());
  const checkAll: Check = async (packet, { signer }) => {
    await demandUsable(signer, now());
    await demandGood(packet, signer, now());
  };

  return {
    issuers: packets.map(issuerOf).filter((issuer) => issuer !== undefined),
    update: (chunk) => digest.update(chunk),

    async checkIssuers(trust, name) {
      await firstAccepted(packets, { trust, name, search, check: checkKey });
    },

    async finish(trust, name) {
      digest.finish();
      return await firstAccepted(packets, { trust, name, search, check: checkAll });
    },
  };
}

/** Throws what is wrong with a signature by this signer. */
type Check = (packet: SignaturePacket, found: FoundSigner) => Promise<void>;

interface Examination extends SearchPlace {
  readonly search: SignerSearch;
  readonly check: Check;
}

/** The first signature, by the first key it may be by, that passes; throws the most telling of the refusals when none does. */
async function firstAccepted(
  packets: readonly SignaturePacket[],
  { search, check, ...place }: Examination,
): Promise<VerifiedBy> {
  const refusals: unknown[] = [];
  for (const packet of packets) {
    try {
      for (const found of await search(packet, place)) {
        const refusal = await check(packet, found).catch((error: unknown) => error);
        if (refusal === undefined) return verifiedBy(packet, found);
        refusals.push(refusal);
      }
    } catch (error) {
      refusals.push(error);
    }
  }

  throw refusals.sort((a, b) => rankOf(a) - rankOf(b))[0];
}

/** From what says most about the image to what says least; bugs come before all. */
const RANKS: readonly TrustRefusal[] = [
  'SIGNATURE_INVALID',
  'SIGNATURE_EXPIRED',
  'SIGNATURE_FROM_FUTURE',
  'KEY_REVOKED',
  'KEY_EXPIRED',
  'KEY_NOT_YET_VALID',
  'KEY_WEAK',
  'KEY_UNUSABLE',
  'KEY_FILE_INVALID',
  'KEY_MASKED',
  'KEY_WRONG_SCOPE',
  'KEY_UNKNOWN',
];

function rankOf(error: unknown): number {
  return isGantryError<TrustRefusal>(error) ? RANKS.indexOf(error.code) : -1;
}

function verifiedBy(packet: SignaturePacket, { trusted, signer }: FoundSigner): VerifiedBy {
  return {
    fingerprint: trusted.fingerprint,
    signedBy: signer.part.getFingerprint(),
    prefix: trusted.scope,
    signedAt: packet.created?.getTime() ?? 0,
  };
}

/** Demands that a signature is by this key, over what was hashed, and in its time. */
async function demandGood(packet: SignaturePacket, { part }: Signer, now: number): Promise<void> {
  const { openpgp, config } = await loadOpenPgp();
  const { binary } = openpgp.enums.signature;
  const named = nameOf(part);
  try {
    await packet.verify(part.keyPacket, binary, {}, ANY_TIME, true, config);
  } catch (cause) {
    throw invalidSignature(named, 'it is not a signature of this image', cause);
  }

  const made = packet.created ?? new Date(0);
  const expires = packet.getExpirationTime();
  if (made.getTime() > now) throw futureSignature(named, made);
  if (Number(expires) <= now) throw expiredSignature(named, expires as Date);
  if (made < part.getCreationTime()) {
    throw invalidSignature(named, 'it says it was made before its key was');
  }
}
