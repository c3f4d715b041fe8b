import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusalOf } from '../../../test/helpers/code-of.ts';
import {
  type CertificateRequest,
  cosign,
  cosignPayload,
  type FulcioAuthority,
  logSignature,
  makeSigstoreKey,
  openFulcio,
} from '../../../test/helpers/sigstore.ts';
import {
  publicKey,
  trustAuthorities,
  trustKey,
  WHO,
} from '../../../test/helpers/sigstore-trust.ts';
import { parseCertificates } from '../pem-certificates.ts';
import type { AnnotatedSignature, SigstoreSignature } from './signature.ts';
import { type SigstoreTrust, verifySigstoreSignature } from './verify.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const REFERENCE = 'example.com/team/app';
const DAY_MS = 86_400_000;

const payload = cosignPayload(DIGEST, REFERENCE);
const [key, other, log] = [makeSigstoreKey(), makeSigstoreKey(), makeSigstoreKey()];
const signature = cosign(payload, key);
const logged = (changes: Partial<Parameters<typeof logSignature>[1]> = {}, by = log): string =>
  logSignature(by, { payload, signature, signedWith: key.pem, at: new Date(), ...changes });

const trust = (changes: Partial<SigstoreTrust> = {}): SigstoreTrust => trustKey(key, changes);
const refusal = (given: SigstoreSignature, by: SigstoreTrust): string =>
  refusalOf(() => verifySigstoreSignature(given, by));

describe('verifySigstoreSignature() by a key', () => {
  it('takes what any of the keys has signed', () => {
    expect(verifySigstoreSignature({ payload, signature }, trust())).toEqual({
      digest: DIGEST,
      reference: REFERENCE,
      signer: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
    });
    const both = trust({ keys: [publicKey(other), publicKey(key)] });
    expect(refusal({ payload, signature }, both)).toBe('accepted');
  });

  it.each<[string, SigstoreSignature]>([
    ['of other bytes', { payload: cosignPayload(DIGEST, 'example.com/other'), signature }],
    ['by another key', { payload, signature: cosign(payload, other) }],
    ['that is empty', { payload, signature: '' }],
    ['that is no base64', { payload, signature: '***' }],
  ])('refuses a signature %s', (_what, given) => {
    expect(refusal(given, trust())).toMatch(/^SIGNATURE_INVALID/);
  });

  it('refuses what is signed but no claim', () => {
    const text = Buffer.from(payload.toString().replace('cosign container', 'other'));
    const given = { payload: text, signature: cosign(text, key) };
    expect(refusal(given, trust())).toMatch(/^SIGNATURE_MALFORMED/);
  });

  it('wants it in a log when the policy names one', () => {
    const asking = trust({ rekorKeys: [publicKey(other), publicKey(log)] });
    const with_ = (bundle: string): string => refusal({ payload, signature, bundle }, asking);

    expect(with_(logged())).toBe('accepted');
    expect(refusal({ payload, signature }, asking)).toMatch('no transparency log has it');
    expect(with_(logged({}, makeSigstoreKey()))).toMatch(/^SIGNATURE_INVALID: .*promise/);
    expect(with_(logged({ signedWith: other.pem }))).toMatch('from somebody else');
    expect(with_(logged({ payload: Buffer.from('x') }))).toMatch('digest mismatch');
    expect(with_(logged({ signature: cosign(payload, other) }))).toMatch('signature mismatch');
    expect(with_(logged().replace(/"logIndex":7/, '"logIndex":8'))).toMatch(/promise/);
    expect(with_('{}')).toMatch(/^SIGNATURE_MALFORMED/);
  });
});

describe('verifySigstoreSignature() by a certificate', () => {
  let fulcio: FulcioAuthority;
  beforeAll(() => {
    fulcio = openFulcio();
  });
  afterAll(() => {
    fulcio[Symbol.dispose]();
  });

  const trusting = (root = fulcio.root): SigstoreTrust => trustAuthorities(root, log);
  function signedBy(
    who: Partial<CertificateRequest> = {},
    changes: Partial<AnnotatedSignature> = {},
    at?: Date,
  ): AnnotatedSignature {
    const signer = fulcio.issue({ ...WHO, ...who });
    const own = cosign(payload, signer);
    const bundle = logged({ signature: own, signedWith: signer.certificate, at: at ?? new Date() });
    const { certificate } = signer;
    return { payload, signature: own, certificate, chain: fulcio.between, bundle, ...changes };
  }

  it.each<[string, Partial<CertificateRequest>]>([
    ['as Fulcio first wrote it', {}],
    ['as Fulcio writes it now', { der: true }],
    ['of the root itself', { byRoot: true }],
  ])('takes one %s', (_what, who) => {
    expect(verifySigstoreSignature(signedBy(who), trusting())).toEqual({
      digest: DIGEST,
      reference: REFERENCE,
      signer: 'me@example.com (https://id.example.com)',
    });
  });

  it('counts what came with it for nothing by itself', () => {
    using stranger = openFulcio();
    const certificates = `${fulcio.between}${fulcio.root}`;
    expect(refusal(signedBy({}, { chain: certificates }), trusting(stranger.root))).toMatch(
      /^CERTIFICATE_UNTRUSTED/,
    );
    expect(refusal(signedBy({}, { chain: undefined }), trusting())).toMatch(
      /^CERTIFICATE_UNTRUSTED/,
    );
  });

  it.each<[string, Partial<CertificateRequest>, RegExp]>([
    ['for somebody else', { email: 'me@example.com.evil.example' }, /by me@example\.com\.evil/],
    ['of whom a dot makes another', { email: 'me@exampleXcom' }, /by me@exampleXcom/],
    ['that somebody else vouches for', { issuer: 'https://id.example.com/' }, /known to/],
    ['that is not for signing', { usage: 'serverAuth' }, /^CERTIFICATE_UNTRUSTED/],
  ])('refuses one %s', (_what, who, message) => {
    expect(refusal(signedBy(who), trusting())).toMatch(message);
  });

  it('refuses what was logged when the certificate was not valid', () => {
    const late = new Date(Date.now() + 2 * DAY_MS);
    expect(refusal(signedBy({}, {}, late), trusting())).toMatch(/^SIGNATURE_INVALID: .*not valid/);
    const early = new Date(Date.now() - DAY_MS);
    expect(refusal(signedBy({}, {}, early), trusting())).toMatch(/^SIGNATURE_INVALID: .*not valid/);
  });

  it('refuses one without a certificate, with half of one, or without a log', () => {
    expect(refusal(signedBy({}, { certificate: undefined }), trusting())).toMatch('no certificate');
    expect(refusal(signedBy({}, { certificate: 'x' }), trusting())).toMatch(/^CERTIFICATE_INVALID/);
    expect(refusal(signedBy({}, { bundle: undefined }), trusting())).toMatch('no transparency log');
  });

  const byPki = (who: Partial<NonNullable<SigstoreTrust['certified']>>, now = Date.now()) =>
    trust({
      keys: undefined,
      certified: {
        authorities: parseCertificates(fulcio.root, 'the test'),
        between: parseCertificates(fulcio.between, 'the test'),
        ...who,
      },
      now,
    });

  it("takes one of an authority of one's own, without a log", () => {
    const given = signedBy({ hostname: 'ci.example.com' }, { chain: undefined, bundle: undefined });
    const both = { subjectEmail: WHO.email, subjectHostname: 'ci.example.com' };
    expect(verifySigstoreSignature(given, byPki(both)).signer).toBe(
      'me@example.com, ci.example.com',
    );
    expect(refusal(given, byPki({ subjectHostname: 'ci.example.com' }))).toBe('accepted');
    expect(refusal(given, byPki({ ...both, subjectHostname: 'x.example.com' }))).toMatch(
      'it is by me@example.com, not by me@example.com and x.example.com',
    );
    expect(refusal(given, byPki({ subjectEmail: 'you@example.com' }))).toMatch('not by you@');
    expect(refusal(given, byPki(both, Date.now() + 2 * DAY_MS))).toMatch('is not valid now');
    using stranger = openFulcio();
    const authorities = parseCertificates(stranger.root, 'the test');
    expect(refusal(given, byPki({ ...both, authorities }))).toMatch(/^CERTIFICATE_UNTRUSTED/);
  });
});
