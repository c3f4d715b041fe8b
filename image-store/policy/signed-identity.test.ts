import { expect, it } from 'vitest';
import { parseLocalReference, parseRegistryReference } from '../reference/oci-reference.ts';
import type { SignedIdentity } from './policy.ts';
import { matchesIdentity } from './signed-identity.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;

type Case = readonly [identity: SignedIdentity, image: string, signed: string, matches: boolean];

const exact: SignedIdentity = { type: 'matchExact' };
const byDigest: SignedIdentity = { type: 'matchRepoDigestOrExact' };
const repository: SignedIdentity = { type: 'matchRepository' };
const remapped: SignedIdentity = {
  type: 'remapIdentity',
  prefix: 'mirror.local:5000/vendor',
  signedPrefix: 'vendor.example',
};

it.each<Case>([
  [exact, 'h.io/a/b:1', 'h.io/a/b:1', true],
  [exact, 'h.io/a/b:1', 'h.io/a/b:2', false],
  [exact, 'h.io/a/b', 'h.io/a/b:latest', true],
  [exact, 'h.io/a/b:1', 'h.io/a/b', false],
  [exact, 'h.io/a/b:latest', 'h.io/a/b', false],
  [exact, `h.io/a/b@${DIGEST}`, 'h.io/a/b:1', false],
  [exact, `h.io/a/b@${DIGEST}`, `h.io/a/b@${DIGEST}`, true],
  [exact, 'docker.io/busybox:1', 'busybox:1', true],
  [byDigest, 'h.io/a/b:1', 'h.io/a/b:1', true],
  [byDigest, 'h.io/a/b:1', 'h.io/a/b:2', false],
  [byDigest, `h.io/a/b@${DIGEST}`, 'h.io/a/b:1', true],
  [byDigest, `h.io/a/b@${DIGEST}`, `h.io/a/b@${OTHER}`, true],
  [byDigest, `h.io/a/b@${DIGEST}`, 'h.io/a/c:1', false],
  [repository, 'h.io/a/b:1', 'h.io/a/b', true],
  [repository, 'h.io/a/b:1', 'h.io/a/b/c', false],
  [repository, 'h.io:5000/a/b:1', 'h.io/a/b', false],
  [{ type: 'exactReference', dockerReference: 'v.io/x:1' }, 'h.io/a:2', 'v.io/x:1', true],
  [{ type: 'exactReference', dockerReference: 'v.io/x' }, 'h.io/a:2', 'v.io/x:1', false],
  [{ type: 'exactRepository', dockerRepository: 'v.io/x' }, 'h.io/a:2', 'v.io/x:9', true],
  [{ type: 'exactRepository', dockerRepository: 'v.io/x' }, 'h.io/a:2', 'v.io/y:9', false],
  [remapped, 'mirror.local:5000/vendor/p/i:1', 'vendor.example/p/i:1', true],
  [remapped, 'mirror.local:5000/vendors/i:1', 'vendor.example/i:1', false],
  [remapped, 'other.io/i:1', 'other.io/i:1', true],
  [exact, 'h.io/a/b:1', 'not a name', false],
  [exact, 'h.io/a/b:1', 'h.io/A/b:1', false],
])('%j: %s, signed as %s: %s', (...[identity, text, signed, matches]) => {
  expect(matchesIdentity(identity, parseRegistryReference(text, text), signed)).toBe(matches);
});

it('knows no name of an image that lies on this machine', () => {
  const image = parseLocalReference('oci:/a:h.io', 'oci');
  const matches = (identity: SignedIdentity): boolean =>
    matchesIdentity(identity, image, 'h.io/a:1');

  expect([exact, byDigest, repository, remapped].map(matches)).toEqual([
    false,
    false,
    false,
    false,
  ]);
  expect(matches({ type: 'exactReference', dockerReference: 'h.io/a:1' })).toBe(true);
});

it.each<[SignedIdentity, string, boolean]>([
  [repository, 'h.io/a/b:1', true],
  [byDigest, `h.io/a/b@${DIGEST}`, true],
  [byDigest, 'h.io/a/b:1', false],
  [exact, `h.io/a/b@${DIGEST}`, false],
  [remapped, `h.io/a/b@${DIGEST}`, false],
  [{ type: 'exactReference', dockerReference: 'h.io/a/b:1' }, 'h.io/a/b:1', false],
  [{ type: 'exactRepository', dockerRepository: 'h.io/a/b' }, 'h.io/a/b:1', false],
])('%j: %s, signed without a name: %s', (...[identity, text, matches]) => {
  expect(matchesIdentity(identity, parseRegistryReference(text, text), undefined)).toBe(matches);
});
