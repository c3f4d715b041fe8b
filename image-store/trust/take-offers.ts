import { type AddedKey, type AddOptions, addTrustedKey } from './edit-keys.ts';
import type { KeyOffer } from './key-offers.ts';
import type { KeyReview } from './key-review.ts';
import type { TrustRoots } from './trust-types.ts';

/** How keys that are offered are taken. */
export interface TakeOptions extends AddOptions {
  readonly roots: TrustRoots;
  /** Whether the keys of an offer are to be trusted; asked only where there are any. */
  readonly accept: (offer: KeyOffer) => Promise<boolean>;
  /** Told of each key that was taken; an update has a problem, which is to be warned of. */
  readonly onTaken: (added: AddedKey, offer: KeyOffer) => void;
}

/**
 * Trusts the keys of offers that are accepted. What an offer takes from a key
 * that is trusted already, as a revocation does, is taken whatever the answers
 * are, and before the first question: whoever is asked may not be there.
 * @throws GantryError TRUST_NO_PERMISSION, KEY_FILE_INVALID, and what `accept` throws
 */
export async function takeOffers(
  offers: readonly KeyOffer[],
  { roots, accept, onTaken, ...options }: TakeOptions,
): Promise<void> {
  const take = async (offer: KeyOffer, reviews: readonly KeyReview[]): Promise<void> => {
    for (const review of reviews) onTaken(await addTrustedKey(roots, review, options), offer);
  };

  for (const offer of offers) await take(offer, offer.updates);
  for (const offer of offers) {
    if (offer.keys.length > 0 && (await accept(offer))) await take(offer, offer.keys);
  }
}
