import { statSync } from 'node:fs';
import type { Acceptance, ImageRecord } from '../index/image-record.ts';
import type { ImageStore } from '../store.ts';
import type { Trust } from '../trust/trust-types.ts';
import type { InsecureFetch } from './request.ts';

/** What decides whether an image of the store may be used as it is. */
export interface Standard {
  readonly store: Pick<ImageStore, 'blobPaths'>;
  readonly trust: Trust;
  readonly insecure: InsecureFetch;
}

/**
 * Whether an image of the store is there whole, by its size, and was accepted in a way that still holds: by a
 * key that is trusted to this moment, or as part of the program; in any way
 * when images may be insecure.
 */
export async function isAcceptable(record: ImageRecord, standard: Standard): Promise<boolean> {
  if (!isWhole(record, standard.store)) return false;

  return standard.insecure.image || (await holds(record, record.accepted, standard.trust));
}

/** A disk that was repaired, or a hand, may have taken a blob and left the record. */
function isWhole(record: ImageRecord, store: Standard['store']): boolean {
  const sizes = store
    .blobPaths(record)
    .map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);

  return sizes.reduce((sum, size) => sum + size, 0) === record.size;
}

async function holds({ name }: ImageRecord, accepted: Acceptance, trust: Trust): Promise<boolean> {
  if (accepted.how === 'builtin') return true;
  if (accepted.how === 'insecure' || accepted.fingerprint === undefined) return false;

  const { fingerprint, signedBy } = accepted;
  return (await trust.examine({ fingerprint, name, signedBy })) === 'trusted';
}
