export {
  parsePolicyPlace,
  type PolicyPlace,
  type PolicyRule,
  setPolicyRule,
} from './edit-policy.ts';
export { openPolicy } from './open-policy.ts';
export { publicKeyFingerprint } from './public-key.ts';
