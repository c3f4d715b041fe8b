import { statSync } from 'node:fs';
import type { Acceptance, ImageRecord } from '../index/image-record.ts';
import {
  type LocalReference,
  type RegistryReference,
  referenceUrl,
} from '../reference/oci-reference.ts';
import { isDemandedAs, isStillDemanded } from '../policy/standing.ts';
import { parseReference } from '../reference/parse-reference.ts';
import type { ImageStore } from '../store.ts';
import type { Trust } from '../trust/trust-types.ts';
import type { InsecureFetch } from './request.ts';

/** What decides whether an image of the store may be used as it is. */
export interface Standard {
  readonly store: Pick<ImageStore, 'blobPaths'>;
  readonly trust: Trust;
  readonly insecure: InsecureFetch;
  /** Where policies of OCI images lie, lowest first. */
  readonly configDirs?: readonly string[] | undefined;
}

/**
 * Whether an image of the store is there whole, by its size, and was accepted in a way that still holds: by a
 * key that is trusted to this moment, or as part of the program; in any way
 * when images may be insecure.
 */
export async function isAcceptable(record: ImageRecord, standard: Standard): Promise<boolean> {
  if (!isWhole(record, standard.store)) return false;

  return standard.insecure.image || (await holds(record, record.accepted, standard));
}

/** A disk that was repaired, or a hand, may have taken a blob and left the record. */
function isWhole(record: ImageRecord, store: Standard['store']): boolean {
  const sizes = store
    .blobPaths(record)
    .map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);

  return sizes.reduce((sum, size) => sum + size, 0) === record.size;
}

async function holds(
  record: ImageRecord,
  accepted: Acceptance,
  { trust, configDirs = [] }: Standard,
): Promise<boolean> {
  if (accepted.how === 'builtin') return true;
  if (accepted.how === 'policy') return await holdsByPolicy(configDirs, record);
  if (accepted.how === 'insecure' || accepted.fingerprint === undefined) return false;

  const { fingerprint, signedBy } = accepted;
  return (await trust.examine({ fingerprint, name: record.name, signedBy })) === 'trusted';
}

/**
 * Whether the policy of this machine still demands of an OCI image what it was
 * accepted by.
 * @param configDirs lowest first
 * @throws GantryError POLICY_INVALID
 */
export async function holdsByPolicy(
  configDirs: readonly string[],
  { accepted, origin }: ImageRecord,
): Promise<boolean> {
  if (accepted.policy === undefined || origin === undefined) return false;

  return await isStillDemanded(configDirs, accepted.policy, () => readOrigin(accepted.source));
}

/**
 * Whether how an image was accepted holds for a name that it is asked for by: it
 * has names in several registries, and was accepted last by one of them.
 * @param configDirs lowest first
 * @throws GantryError POLICY_INVALID
 */
export async function holdsAs(
  configDirs: readonly string[],
  { accepted }: ImageRecord,
  asked: RegistryReference,
): Promise<boolean> {
  if (accepted.policy === undefined || accepted.source === referenceUrl(asked)) return true;

  return await isDemandedAs(configDirs, accepted.policy, asked);
}

function readOrigin(source: string): RegistryReference | LocalReference {
  const reference = parseReference(source, { fileExists: () => false });
  if (reference.kind === 'registry' || reference.kind === 'local') return reference;
  throw new Error(`no OCI image: ${source}`);
}
