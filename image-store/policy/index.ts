export {
  parsePolicyPlace,
  type PolicyPlace,
  type PolicyRule,
  setPolicyRule,
  type SignedRule,
} from './edit-policy.ts';
export { certificateFingerprints } from './pem-certificates.ts';
export { openPolicy } from './open-policy.ts';
export { identityText, type Requirement } from './policy.ts';
export { publicKeyFingerprint } from './public-key.ts';
