import type { Acceptance, ImageRecord } from '../index/image-record.ts';
import type { Trust } from '../trust/trust-types.ts';
import type { InsecureFetch } from './request.ts';

/** What decides whether an image of the store may be used as it is. */
export interface Standard {
  readonly trust: Trust;
  readonly insecure: InsecureFetch;
}

/**
 * Whether an image of the store was accepted in a way that still holds: by a
 * key that is trusted to this moment, or as part of the program; in any way
 * when images may be insecure.
 */
export async function isAcceptable(record: ImageRecord, standard: Standard): Promise<boolean> {
  return standard.insecure.image || (await holds(record, record.accepted, standard.trust));
}

async function holds({ name }: ImageRecord, accepted: Acceptance, trust: Trust): Promise<boolean> {
  if (accepted.how === 'builtin') return true;
  if (accepted.how === 'insecure' || accepted.fingerprint === undefined) return false;

  const { fingerprint, signedBy } = accepted;
  return (await trust.examine({ fingerprint, name, signedBy })) === 'trusted';
}
