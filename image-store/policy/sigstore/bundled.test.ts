import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OciDigest } from '#schema/oci/digest';
import { refusalOf } from '../../../test/helpers/code-of.ts';
import {
  type CertificateRequest,
  type FulcioAuthority,
  makeEd25519Key,
  makeSigstoreKey,
  openFulcio,
} from '../../../test/helpers/sigstore.ts';
import {
  type BundleRequest,
  makeBundle,
  type TestBundle,
} from '../../../test/helpers/sigstore-bundle.ts';
import {
  publicKey,
  trustAuthorities,
  trustKey,
  WHO,
} from '../../../test/helpers/sigstore-trust.ts';
import { type SigstoreTrust, verifySigstoreSignature } from './verify.ts';

const bytes = Buffer.from('{"the":"manifest"}');
const DIGEST = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as OciDigest;
const OTHER = `sha256:${'b'.repeat(64)}`;
const DAY_MS = 86_400_000;
const [key, other, log] = [makeSigstoreKey(), makeSigstoreKey(), makeSigstoreKey()];

const byKey = (changes: Partial<SigstoreTrust> = {}): SigstoreTrust => trustKey(key, changes);
const logged = byKey({ rekorKeys: [publicKey(other), publicKey(log)] });
const bundle = (request: Partial<BundleRequest> = {}): TestBundle =>
  makeBundle({ signer: key, digest: DIGEST, ...request });

const verify = (given: unknown, trust: SigstoreTrust) =>
  verifySigstoreSignature(
    {
      json: Buffer.from(typeof given === 'string' ? given : JSON.stringify(given)),
      manifest: { digest: DIGEST, bytes },
    },
    trust,
  );
const refusal = (given: unknown, trust: SigstoreTrust): string =>
  refusalOf(() => verify(given, trust));
const changed = (given: TestBundle, change: (bundle: TestBundle) => void): TestBundle => {
  change(given);
  return given;
};

describe('a bundle by a key', () => {
  it('signs an image by a statement, which has no name, or one', () => {
    const signer = expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string;
    expect(verify(bundle(), byKey())).toEqual({ digest: DIGEST, reference: undefined, signer });
    const subject = [{ name: 'example.com/app', digest: { sha256: 'b'.repeat(64) } }];
    expect(verify(bundle({ statement: { subject } }), byKey())).toMatchObject({
      digest: OTHER,
      reference: 'example.com/app',
    });
  });

  it('signs a manifest as it is', () => {
    expect(verify(bundle({ manifest: bytes }), byKey())).toMatchObject({ digest: DIGEST });
    expect(refusal(bundle({ manifest: Buffer.from('else') }), byKey())).toMatch(
      /^SIGNATURE_INVALID: .*it is for another image, sha256:/,
    );
  });

  it.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ['an attestation', { predicateType: 'https://slsa.dev/provenance/v1' }, /it is an attestation/],
    ['no image', { subject: [] }, /for 0 images/],
    [
      'several images',
      { subject: [1, 2].map(() => ({ digest: { sha256: 'a'.repeat(64) } })) },
      /for 2/,
    ],
    ['a digest that is none', { subject: [{ digest: { sha256: 'x' } }] }, /must be SHA-256/],
    ['no statement', { _type: 'x' }, /in-toto statement/],
  ])('signs nothing with %s', (_what, statement, message) => {
    expect(refusal(bundle({ statement }), byKey())).toMatch(message);
  });

  it.each<[string, unknown, RegExp]>([
    ['by another key', bundle({ signer: other }), /by another key/],
    [
      'of which the statement was changed',
      changed(bundle(), ({ dsseEnvelope }) => {
        if (dsseEnvelope) dsseEnvelope.payload = Buffer.from('{}').toString('base64');
      }),
      /or of something else/,
    ],
    [
      'of an unknown version',
      { ...bundle(), mediaType: 'application/vnd.dev.sigstore.bundle.v0.9+json' },
      /version is not known, ".*v0\.9/,
    ],
    ['that is no JSON', JSON.stringify(bundle()).slice(0, -5), /^SIGNATURE_MALFORMED: .*bundle/],
    ['that is a list', [], /^SIGNATURE_MALFORMED/],
    ['without a signature', { ...bundle(), dsseEnvelope: undefined }, /it lacks content/],
    [
      'without anything to check it by',
      { ...bundle(), verificationMaterial: {} },
      /it lacks verificationMaterial/,
    ],
    [
      'of wrong types',
      { ...bundle(), dsseEnvelope: { payload: 7, signatures: 'x' } },
      /^SIGNATURE_MALFORMED/,
    ],
  ])('is refused %s', (_what, given, message) => {
    expect(refusal(given, byKey())).toMatch(message);
  });
});

describe('a bundle in a log', () => {
  const inLog = (wish: Partial<BundleRequest['log']> = {}): TestBundle =>
    bundle({ log: { key: log, ...wish } });

  it('is proven to be, or promised', () => {
    expect(refusal(inLog(), logged)).toBe('accepted');
    expect(refusal(inLog({ promises: false }), logged)).toBe('accepted');
    expect(refusal(bundle({ manifest: bytes, log: { key: log } }), logged)).toBe('accepted');
    expect(refusal(inLog({ asBytes: true }), logged)).toBe('accepted');
    const old = inLog({ proves: false });
    expect(
      refusal(
        { ...old, mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1' },
        logged,
      ),
    ).toBe('accepted');
  });

  it('may be in one of the second generation', () => {
    const second = makeEd25519Key();
    const trust = byKey({ rekorKeys: [publicKey(log), publicKey(second)] });
    const wish = { key: second, generation: 2 } as const;
    expect(refusal(inLog(wish), trust)).toBe('accepted');
    expect(refusal(inLog({ ...wish, asBytes: true }), trust)).toBe('accepted');
    expect(refusal(bundle({ manifest: bytes, log: wish }), trust)).toBe('accepted');
    expect(refusal(inLog({ ...wish, key: makeEd25519Key() }), trust)).toMatch(/does not hold/);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['in none', () => bundle(), /no transparency log has it/],
    ['without a proof', () => inLog({ proves: false }), /lacks .*inclusionProof/],
    [
      'promised by another log',
      () => inLog({ key: makeSigstoreKey() }),
      /promise that a log has it is not by/,
    ],
    [
      'proven by another log',
      () => inLog({ key: makeSigstoreKey(), promises: false }),
      /proof that a log has it does not hold: invalid checkpoint/,
    ],
    ['from somebody else', () => inLog({ from: other.pem }), /from somebody else/],
    ['from who knows whom', () => inLog({ from: 'x' }), /does not say whose/],
    [
      'with a proof that has no checkpoint',
      () => ({
        ...changed(inLog(), ({ verificationMaterial: { tlogEntries } }) => {
          Object.assign(tlogEntries[0]?.inclusionProof ?? {}, { checkpoint: undefined });
        }),
        mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
      }),
      /: it is damaged$/,
    ],
    [
      'with another place in the log',
      () =>
        changed(inLog(), ({ verificationMaterial }) => {
          verificationMaterial.tlogEntries[0]?.inclusionProof?.hashes.reverse();
        }),
      /calculated root hash/,
    ],
    [
      'with the entry of another signature',
      () =>
        changed(inLog(), ({ verificationMaterial }) => {
          verificationMaterial.tlogEntries = inLog().verificationMaterial.tlogEntries;
        }),
      /the log has something else/,
    ],
  ])('is refused %s', (_what, given, message) => {
    expect(refusal(given(), logged)).toMatch(message);
  });

  it('needs one good entry, not only good ones', () => {
    const [mine, strange] = [inLog(), inLog({ key: makeSigstoreKey() })];
    mine.verificationMaterial.tlogEntries.unshift(...strange.verificationMaterial.tlogEntries);
    expect(refusal(mine, logged)).toBe('accepted');
  });
});

describe('a bundle by a certificate', () => {
  let fulcio: FulcioAuthority;
  beforeAll(() => {
    fulcio = openFulcio();
  });
  afterAll(() => {
    fulcio[Symbol.dispose]();
  });
  const trusting = (pem = `${fulcio.root}${fulcio.between}`): SigstoreTrust =>
    trustAuthorities(pem, log);
  const signedBy = (
    who: Partial<CertificateRequest> = {},
    wish: Partial<BundleRequest['log']> = {},
  ): TestBundle => bundle({ signer: fulcio.issue({ ...WHO, ...who }), log: { key: log, ...wish } });

  it('is taken of who the policy names, when the log promises when it was', () => {
    expect(verify(signedBy(), trusting())).toEqual({
      digest: DIGEST,
      reference: undefined,
      signer: 'me@example.com (https://id.example.com)',
    });
    expect(refusal(signedBy({ byRoot: true, der: true }), trusting(fulcio.root))).toBe('accepted');
  });

  it.each<[string, () => TestBundle, RegExp]>([
    ['of somebody else', () => signedBy({ email: 'you@example.com' }), /it is by you@/],
    ['of another provider', () => signedBy({ issuer: 'https://x' }), /known to https:\/\/x/],
    [
      'of one that is not for signing',
      () => signedBy({ usage: 'serverAuth' }),
      /^CERTIFICATE_UNTRUSTED/,
    ],
    [
      'that had expired',
      () => signedBy({}, { at: new Date(Date.now() + 2 * DAY_MS) }),
      /certificate was not valid at 20.*, when it was logged/,
    ],
    [
      'that did not exist yet',
      () => signedBy({}, { at: new Date(Date.now() - DAY_MS) }),
      /certificate was not valid/,
    ],
    [
      'of who knows when',
      () => signedBy({}, { promises: false }),
      /no log promises when it was made/,
    ],
    [
      'in the log of others',
      () => signedBy({}, { key: other }),
      /not by the log that the policy names/,
    ],
    ['with a key only', () => bundle({ log: { key: log } }), /it has no certificate/],
    [
      'that is none',
      () =>
        changed(signedBy(), ({ verificationMaterial }) => {
          verificationMaterial.certificate = { rawBytes: 'AAAA' };
        }),
      /a certificate in it cannot be read/,
    ],
  ])('is refused %s', (_what, given, message) => {
    expect(refusal(given(), trusting())).toMatch(message);
  });

  it('is refused of an authority that the policy does not name', () => {
    using stranger = openFulcio();
    expect(refusal(signedBy(), trusting(stranger.root))).toMatch(/^CERTIFICATE_UNTRUSTED/);
    expect(refusal(signedBy(), trusting(fulcio.root))).toMatch(/^CERTIFICATE_UNTRUSTED/);
  });
});
