export { preloadOpenPgp } from './openpgp.ts';
export { openTrust } from './open-trust.ts';
export type {
  KeyEntry,
  KeyOrigin,
  KeyScope,
  KeyStanding,
  KeyState,
  ListedKey,
  StandingQuestion,
  Trust,
  TrustedKey,
  TrustRefusal,
  TrustRoots,
  VerifiedBy,
  Verifier,
} from './trust-types.ts';
export type { KeyPlacement } from './keyring.ts';
export { createVerifier, type VerifierOptions } from './verifier.ts';
export {
  ADMIN_GROUP,
  type AddedKey,
  type AddOptions,
  addTrustedKey,
  type KeyPlace,
  maskTrustedKey,
  removeTrustedKey,
  unmaskTrustedKey,
} from './edit-keys.ts';
export {
  isIssuer,
  type KeyOffer,
  type KeySource,
  type LeftOut,
  leftOutText,
  nothingLeft,
  type OfferOptions,
  offerKeys,
  type SortedKeys,
} from './key-offers.ts';
export {
  type KeyPartReview,
  type KeyReview,
  type ReviewOptions,
  readPublicKeys,
} from './key-review.ts';
export { type TakeOptions, takeOffers } from './take-offers.ts';
