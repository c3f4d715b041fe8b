import { createHash, type Hash } from 'node:crypto';
import type { SignaturePacket } from 'openpgp';

/**
 * The library's own inner seam between hashing and verifying, which its types
 * leave out. Its streamed messages use it the same way: the digest of the body
 * is put into `hashed`, and `verify` takes that in place of the data. The
 * version of the library is pinned; were the seam gone, `verify` would find no
 * data and fail, so nothing is accepted by mistake.
 */
interface SignatureSeam {
  readonly salt: Uint8Array | null;
  hashed?: Promise<Uint8Array>;
  hash(type: unknown, data: EmptyBody, toHash: undefined, detached: boolean): Promise<Uint8Array>;
  toHash(type: unknown, data: EmptyBody, detached: boolean): Uint8Array;
}

interface EmptyBody {
  readonly text: null;
  getBytes(): Uint8Array;
}

const EMPTY_BODY: EmptyBody = { text: null, getBytes: () => new Uint8Array(0) };

/** Hash algorithms accepted under a signature, by their numbers in RFC 9580 section 9.5. */
const HASHES: ReadonlyMap<number, string> = new Map([
  [8, 'sha256'],
  [9, 'sha384'],
  [10, 'sha512'],
  [11, 'sha224'],
  [12, 'sha3-256'],
  [14, 'sha3-512'],
]);

const WEAK_HASHES: Readonly<Record<number, string>> = { 1: 'MD5', 2: 'SHA-1', 3: 'RIPEMD-160' };

/** The digests of one body under several signatures, fed as the body streams by. */
export interface BodyDigest {
  update(chunk: Uint8Array): void;
  /** Ends the body and hands each signature its digest, ready for `verify`. */
  finish(): void;
}

/** Whether bodies can be hashed with the algorithm of this number. */
export function isHashAccepted(algorithm: number): boolean {
  return HASHES.has(algorithm);
}

/** The name of a hash algorithm that is not accepted. */
export function hashName(algorithm: number | null | undefined): string {
  return WEAK_HASHES[algorithm ?? 0] ?? `unknown (number ${algorithm})`;
}

/**
 * Starts hashing a body for signatures whose hash algorithms are accepted.
 * Version 4 signatures of one algorithm share a hash; version 6 ones begin
 * with a salt of their own.
 * @throws Error when a signature's salt has not the length its hash wants
 */
export async function startBodyDigest(packets: readonly SignaturePacket[]): Promise<BodyDigest> {
  const running = new Map<string, Hash>();
  const ends: (() => void)[] = [];

  for (const packet of packets) {
    const seam = packet as unknown as SignatureSeam;
    // Hashing nothing first lets the library refuse what it would not hash.
    await seam.hash(packet.signatureType, EMPTY_BODY, undefined, true);
    const salt = seam.salt ?? new Uint8Array(0);
    const algorithm = HASHES.get(packet.hashAlgorithm ?? 0) ?? '';
    const id = `${algorithm} ${Buffer.from(salt).toString('hex')}`;
    const hash = running.get(id) ?? createHash(algorithm).update(salt);
    running.set(id, hash);
    ends.push(() => {
      const trailer = seam.toHash(packet.signatureType, EMPTY_BODY, true).subarray(salt.length);
      seam.hashed = Promise.resolve(new Uint8Array(hash.copy().update(trailer).digest()));
    });
  }

  const hashes = [...running.values()];
  return {
    update(chunk) {
      for (const hash of hashes) hash.update(chunk);
    },
    finish() {
      for (const end of ends) end();
    },
  };
}
