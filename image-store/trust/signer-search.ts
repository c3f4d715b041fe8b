import type { AcIdentifier } from '#schema/types/names';
import type { Key, SignaturePacket } from 'openpgp';
import { loadTrustedKey } from './key-file.ts';
import type { Signer } from './key-judgement.ts';
import { placeOf } from './keyring.ts';
import { maskedKey, type TrustError, unknownKey, wrongScope } from './refusals.ts';
import { issuerOf } from './signature-file.ts';
import { scopesOf } from './trust-folders.ts';
import type { KeyEntry, Trust, TrustedKey } from './trust-types.ts';

/** A trusted key that a signature says it is made by. */
export interface FoundSigner {
  readonly trusted: TrustedKey;
  readonly signer: Signer;
}

/** What a search is made over. */
export interface SearchPlace {
  readonly trust: Trust;
  readonly name: AcIdentifier;
}

/** Finds the trusted keys that a signature may be by: one, unless it names a key id that several share. */
export type SignerSearch = (
  packet: SignaturePacket,
  place: SearchPlace,
) => Promise<readonly FoundSigner[]>;

type LoadKey = (trusted: TrustedKey) => Promise<Key>;

/**
 * Makes a search that reads each key file once.
 *
 * The search throws KEY_UNKNOWN, KEY_WRONG_SCOPE or KEY_MASKED when no key that
 * is trusted for the name is meant, KEY_FILE_INVALID when the file that should
 * hold it does not.
 */
export function createSignerSearch(): SignerSearch {
  const read = new Map<string, Promise<Key>>();
  const load: LoadKey = (trusted) => {
    const key = read.get(trusted.path) ?? loadTrustedKey(trusted);
    read.set(trusted.path, key);
    return key;
  };

  return async (packet, place) => {
    const issuer = issuerOf(packet);
    if (issuer === undefined) throw unknownKey(place.name, []);

    const { found, failure } = await lookIn(place.trust.keyringFor(place.name), issuer, load);
    if (found.length > 0) return found;
    throw await explainAbsence(issuer, { ...place, load, failure });
  };
}

interface Looked {
  readonly found: readonly FoundSigner[];
  /** Why a file in between could not be read; it may have been the one. */
  readonly failure?: unknown;
}

async function lookIn(keys: readonly TrustedKey[], issuer: string, load: LoadKey): Promise<Looked> {
  const named = keys.filter(({ fingerprint }) => isMeant(fingerprint, issuer));
  const found: FoundSigner[] = [];
  for (const trusted of named) found.push(...partsMeant(await load(trusted), trusted, issuer));
  if (found.length > 0) return { found };

  // Not a primary key: one of the others may have it as a subkey.
  let failure: unknown;
  for (const trusted of keys) {
    try {
      found.push(...partsMeant(await load(trusted), trusted, issuer));
    } catch (error) {
      failure ??= error;
    }
  }
  return { found, failure };
}

function partsMeant(key: Key, trusted: TrustedKey, issuer: string): readonly FoundSigner[] {
  return [key, ...key.subkeys]
    .filter((part) => isMeant(part.getFingerprint(), issuer))
    .map((part) => ({ trusted, signer: { key, part } }));
}

/** Whether a fingerprint is what an issuer field means, RFC 9580 section 5.5.4: a key id is the end of a version 4 fingerprint, the beginning of a version 6 one. */
export function isMeant(fingerprint: string, issuer: string): boolean {
  if (issuer.length !== 16) return fingerprint === issuer;

  return fingerprint.length === 40 ? fingerprint.endsWith(issuer) : fingerprint.startsWith(issuer);
}

interface Absence extends SearchPlace {
  readonly load: LoadKey;
  readonly failure: unknown;
}

async function explainAbsence(
  issuer: string,
  { trust, name, load, failure }: Absence,
): Promise<TrustError> {
  const entries = trust.list().filter(({ kind }) => kind === 'key');
  const { found } = await lookIn(entries, issuer, async (trusted) => await load(trusted)).catch(
    (): Looked => ({ found: [] }),
  );
  const [first] = found;
  if (first === undefined) return unknownKey(name, [issuer], failure);

  const covering = scopesOf(name);
  const { maskedBy } = placeOf(trust.roots, name, first.trusted.fingerprint);
  if (maskedBy !== undefined && found.some(({ trusted }) => covering.includes(trusted.scope))) {
    return maskedKey(name, first.trusted, maskedBy);
  }

  const scopes = found
    .map(({ trusted }) => trusted as KeyEntry)
    .filter(({ maskedBy: mask }) => mask === undefined)
    .map(({ scope }) => scope);
  return scopes.length === 0
    ? unknownKey(name, [issuer], failure)
    : wrongScope(name, first.trusted, [...new Set(scopes)]);
}
