import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { keyHere } from './edit-keys.ts';
import { loadTrustedKey } from './key-file.ts';
import { type KeyReview, loadReviewed, mergedReview, readPublicKeys } from './key-review.ts';
import type { TrustError } from './refusals.ts';
import { isMeant } from './signer-search.ts';
import type { KeyScope, TrustRoots } from './trust-types.ts';

/** A file of public keys, armored or binary. */
export interface KeySource {
  /** A path or URL. */
  readonly source: string;
  readonly data: Uint8Array;
}

/** What can be taken of one file of keys. */
export interface KeyOffer {
  readonly source: string;
  /** Those that can be trusted. */
  readonly keys: readonly KeyReview[];
  /** Those that were trusted and cannot be now, as by a revocation, which is to be taken over. */
  readonly updates: readonly KeyReview[];
}

/** A key that cannot be trusted, or a file that cannot be read. */
export interface LeftOut {
  readonly source: string;
  /** Undefined for a file as a whole. */
  readonly key?: KeyReview | undefined;
  readonly error: TrustError;
}

export interface SortedKeys {
  /** Of files of which anything can be taken. */
  readonly offers: readonly KeyOffer[];
  readonly leftOut: readonly LeftOut[];
}

export interface OfferOptions {
  /** Where the keys would be trusted, and some may be already; unless given none is. */
  readonly place?: { readonly roots: TrustRoots; readonly scope: KeyScope } | undefined;
  /** The present, ms since 1970; the system's clock unless told. */
  readonly now?: (() => number) | undefined;
}

/**
 * Sorts the keys of files that came together, so that one that is no good
 * keeps nobody from the others. Copies of a key, the one trusted already among
 * them, are merged first: what one of them revokes is revoked in all.
 */
export async function offerKeys(
  files: readonly KeySource[],
  { place, now = Date.now }: OfferOptions = {},
): Promise<SortedKeys> {
  const leftOut: LeftOut[] = [];
  const read: { readonly source: string; readonly keys: readonly KeyReview[] }[] = [];
  for (const { source, data } of files) {
    const keys = await unlessRefused(async () => await readPublicKeys(data, { source, now }));
    if (isGantryError(keys)) leftOut.push({ source, error: keys });
    else read.push({ source, keys });
  }

  const copies = Map.groupBy(
    read.flatMap(({ keys }) => keys),
    ({ fingerprint }) => fingerprint,
  );
  const verdicts: Verdict[] = [];
  for (const keys of copies.values()) verdicts.push(await judge(keys, { place, now }));

  const offers: KeyOffer[] = [];
  for (const { source, keys: held } of read) {
    const told = verdicts.filter(({ key }) =>
      held.some(({ fingerprint }) => fingerprint === key.fingerprint),
    );
    const taken = told.filter(({ error }) => error === undefined).map(({ key }) => key);
    const keys = taken.filter(({ problem }) => problem === undefined);
    const updates = taken.filter(({ problem }) => problem !== undefined);
    if (taken.length > 0) offers.push({ source, keys, updates });
    for (const { key, error } of told)
      if (error !== undefined) leftOut.push({ source, key, error });
  }

  return { offers, leftOut };
}

/** The one key that several copies are of. */
interface Verdict {
  readonly key: KeyReview;
  /** Why nothing of it can be taken. */
  readonly error?: TrustError | undefined;
}

async function judge(
  [first, ...others]: readonly KeyReview[],
  { place, now = Date.now }: OfferOptions,
): Promise<Verdict> {
  if (first === undefined) throw new Error('a key without a copy');
  let key = first;
  for (const other of others) key = await mergedReview(await loadReviewed(key), other, now());

  const present = place && keyHere(place.roots, { ...place, fingerprint: key.fingerprint });
  if (present === undefined) return { key, error: key.problem };

  const merged = await unlessRefused(
    async () => await mergedReview(await loadTrustedKey(present), key, now()),
  );
  return isGantryError(merged) ? { key, error: merged } : { key: merged };
}

async function unlessRefused<Value>(action: () => Promise<Value>): Promise<Value | TrustError> {
  try {
    return await action();
  } catch (error) {
    if (isGantryError(error)) return error as TrustError;
    throw error;
  }
}

/** What is told of something that is left out while something else is not. */
export function leftOutText({ source, key, error }: LeftOut): string {
  const what = key === undefined ? 'keys' : `key ${key.fingerprint}`;

  return `${what} from "${source}" ${key === undefined ? 'are' : 'is'} left out: ${error.message}`;
}

/** The error of files of which nothing can be taken: at least one thing was left out. */
export function nothingLeft(leftOut: readonly LeftOut[]): GantryError {
  const errors = leftOut.map(({ error }) => error);
  const last = errors.at(-1);
  if (last === undefined) throw new Error('nothing was left out');
  if (errors.length === 1) return last;

  const states = errors.map(({ message }) => message).join('; ');
  return new GantryError(last.code, `cannot trust any of the keys: ${states}`, {
    hint: last.hint,
    cause: last,
  });
}

/** Whether a signature with such issuers says it is by this key or a subkey of it. */
export function isIssuer({ fingerprint, subkeys }: KeyReview, issuers: readonly string[]): boolean {
  const parts = [fingerprint, ...subkeys.map((subkey) => subkey.fingerprint)];

  return parts.some((part) => issuers.some((issuer) => isMeant(part, issuer)));
}
