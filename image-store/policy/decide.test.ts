import { describe, expect, it } from 'vitest';
import type { OciDigest } from '#schema/oci/digest';
import { makeSigningKey } from '../../test/helpers/signing.ts';
import { cosign, cosignPayload, makeSigstoreKey } from '../../test/helpers/sigstore.ts';
import { parseRegistryReference } from '../reference/oci-reference.ts';
import { demandAccepted, type SignatureSource } from './decide.ts';
import { parsePolicy } from './parse-policy.ts';

const TEXT = 'example.com/team/app:1';
const IMAGE = parseRegistryReference(TEXT, TEXT);
const MANIFEST = `sha256:${'a'.repeat(64)}` as OciDigest;
const INDEX = `sha256:${'b'.repeat(64)}` as OciDigest;
const [key, other] = [makeSigstoreKey(), makeSigstoreKey()];

const policyOf = (...requirements: readonly object[]) =>
  parsePolicy(
    JSON.stringify({
      default: [{ type: 'reject' }],
      transports: { docker: { 'example.com/team': requirements } },
    }),
    '/policy.json',
  );
const sigstoreBy = (pem: string, identity?: object): object => ({
  type: 'sigstoreSigned',
  keyData: Buffer.from(pem).toString('base64'),
  ...(identity === undefined ? {} : { signedIdentity: identity }),
});

/** Signatures by cosign, made of a digest each; asked for any of them it gives those. */
const signed = (
  manifest: string,
  { by = key, reference = TEXT }: { by?: typeof key; reference?: string } = {},
): SignatureSource => {
  const payload = cosignPayload(manifest, reference);
  return {
    simple: async () => await Promise.resolve([]),
    sigstore: async (asked) =>
      await Promise.resolve(
        asked === manifest ? [{ payload, signature: cosign(payload, by) }] : [],
      ),
  };
};
const NONE: SignatureSource = {
  simple: () => Promise.reject(new Error('asked for signatures')),
  sigstore: () => Promise.reject(new Error('asked for signatures')),
};
const decide = async (policy: ReturnType<typeof policyOf>, signatures = NONE, image = IMAGE) =>
  await demandAccepted(policy, {
    image,
    manifests: [MANIFEST, INDEX],
    signatures,
    now: Date.now(),
  });

describe('demandAccepted()', () => {
  it('asks for no signature where none is demanded', async () => {
    expect(await decide(policyOf({ type: 'insecureAcceptAnything' }))).toEqual({
      scope: 'docker:example.com/team',
      signatures: [],
    });
    await expect(decide(policyOf({ type: 'reject' }))).rejects.toThrow(
      '"docker:example.com/team" is rejected',
    );
    const elsewhere = parseRegistryReference('example.org/a', 'example.org/a');
    await expect(
      decide(policyOf({ type: 'insecureAcceptAnything' }), NONE, elsewhere),
    ).rejects.toThrow('what the policy does not name is rejected');
  });

  it('takes a signature of the manifest, or of the index that it is in, and says whose', async () => {
    const by = policyOf(sigstoreBy(key.pem));
    for (const manifest of [MANIFEST, INDEX]) {
      expect((await decide(by, signed(manifest))).signatures).toEqual([
        {
          type: 'sigstoreSigned',
          signer: expect.stringMatching(/^sha256:/) as string,
          reference: TEXT,
          manifest,
        },
      ]);
    }
  });

  it.each<[string, SignatureSource, string]>([
    ['no signature', signed('sha256:other'), 'it has no sigstore signature'],
    ['one by somebody else', signed(MANIFEST, { by: other }), 'the signature is not good'],
    [
      'one for another name',
      signed(MANIFEST, { reference: 'example.com/team/app:2' }),
      'for the name "example.com/team/app:2"',
    ],
    [
      'one of another image',
      {
        ...signed(MANIFEST),
        sigstore: async () =>
          await signed(`sha256:${'c'.repeat(64)}`).sigstore(
            `sha256:${'c'.repeat(64)}` as OciDigest,
          ),
      },
      'for another image, sha256:ccc',
    ],
  ])('refuses an image with %s', async (_what, signatures, message) => {
    await expect(decide(policyOf(sigstoreBy(key.pem)), signatures)).rejects.toThrow(
      expect.objectContaining({
        code: 'IMAGE_REJECTED',
        message: expect.stringContaining(message) as unknown,
      }) as Error,
    );
  });

  it('demands all that is said, by a key of each kind', async () => {
    const openpgp = await makeSigningKey({ name: 'somebody' });
    const both = policyOf(
      {
        type: 'signedBy',
        keyType: 'GPGKeys',
        keyData: Buffer.from(openpgp.publicKeyArmored).toString('base64'),
      },
      sigstoreBy(key.pem, { type: 'matchRepository' }),
    );
    const claim = cosignPayload(MANIFEST, TEXT)
      .toString()
      .replace('cosign container image', 'atomic container');
    const message = await openpgp.signMessage(Buffer.from(claim));
    const signatures = {
      ...signed(MANIFEST),
      simple: async () => await Promise.resolve([message]),
    };

    expect((await decide(both, signatures)).signatures.map(({ signer }) => signer)).toEqual([
      openpgp.fingerprint,
      expect.stringMatching(/^sha256:/),
    ]);
    await expect(decide(both, signed(MANIFEST))).rejects.toThrow('it has no simple signature');
    await expect(
      decide(both, { ...signatures, sigstore: async () => await Promise.resolve([]) }),
    ).rejects.toThrow('it has no sigstore signature');
  });

  it('can do nothing with a key that is none', async () => {
    await expect(decide(policyOf(sigstoreBy('x')), signed(MANIFEST))).rejects.toThrow(
      'cannot use the policy in "/policy.json": cannot use the key in the policy',
    );
    const broken = { type: 'signedBy', keyType: 'GPGKeys', keyData: 'eA==' };
    await expect(decide(policyOf(broken), signed(MANIFEST))).rejects.toThrow(
      'cannot use the policy in "/policy.json": cannot read the public key in the policy: ',
    );
    const missing = policyOf({ type: 'sigstoreSigned', keyPath: '/no/such/key' });
    await expect(decide(missing, signed(MANIFEST))).rejects.toThrow(
      'cannot use the policy in "/policy.json": cannot read the key in "/no/such/key": no such file',
    );
  });
});
