export { openTrust } from './open-trust.ts';
export type {
  KeyEntry,
  KeyOrigin,
  KeyScope,
  KeyStanding,
  StandingQuestion,
  Trust,
  TrustedKey,
  TrustRefusal,
  TrustRoots,
  VerifiedBy,
  Verifier,
} from './trust-types.ts';
export { createVerifier, type VerifierOptions } from './verifier.ts';
