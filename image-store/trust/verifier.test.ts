import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAcIdentifier } from '#schema/types/names';
import { makeSigningKey, type SigningKey } from '../../test/helpers/signing.ts';
import { makeTrustHost, type TrustHost } from '../../test/helpers/trust-host.ts';
import { createVerifier } from './verifier.ts';

const BODY = randomBytes(5000);
const DAY = 86_400_000;
const WEB = parseAcIdentifier('example.com/web');

let host: TrustHost;
beforeEach(() => {
  host = makeTrustHost();
});
afterEach(() => host[Symbol.dispose]());

function trustKey(key: SigningKey, scope = 'example.com'): void {
  host.put({ scope, fingerprint: key.fingerprint, content: key.publicKeyArmored });
}

describe('createVerifier() accepts', () => {
  for (const kind of ['ed25519', 'new-ed25519', 'ed448', 'p256', 'rsa2048'] as const) {
    test(`a signature by a version 4 key: ${kind}`, async () => {
      const key = await makeSigningKey({ name: 'Somebody', kind });
      trustKey(key);

      const signature = await key.sign(BODY);

      expect(await host.verify({ signature, body: BODY })).toMatchObject({
        fingerprint: key.fingerprint,
        signedBy: key.fingerprint,
        prefix: 'example.com',
      });
    });
  }

  for (const kind of ['new-ed25519', 'ed448', 'rsa2048'] as const) {
    test(`a signature by a version 6 key: ${kind}`, async () => {
      const key = await makeSigningKey({ name: 'Somebody', kind, version: 6 });
      trustKey(key);
      expect(key.fingerprint).toHaveLength(64);

      const signature = await key.sign(BODY);

      const accepted = await host.verify({ signature, body: BODY });
      expect(accepted.fingerprint).toBe(key.fingerprint);
    });
  }

  test('a signature that is not armored', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    trustKey(key);

    const signature = await key.sign(BODY, { armored: false });

    expect((await host.verify({ signature, body: BODY })).fingerprint).toBe(key.fingerprint);
  });

  test('a key file that is not armored', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    host.put({ fingerprint: key.fingerprint, content: key.publicKey.write() });

    const accepted = await host.verify({ signature: await key.sign(BODY), body: BODY });

    expect(accepted.prefix).toBe('');
  });

  test('a signature by a bound subkey, naming both', async () => {
    const key = await makeSigningKey({ name: 'Somebody', subkey: {} });
    trustKey(key);

    const accepted = await host.verify({ signature: await key.sign(BODY), body: BODY });

    expect(accepted.fingerprint).toBe(key.fingerprint);
    expect(accepted.signedBy).toBe(key.signerFingerprint);
    expect(accepted.signedBy).not.toBe(accepted.fingerprint);
  });

  test('an empty file', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    trustKey(key);

    const body = new Uint8Array(0);

    await host.verify({ signature: await key.sign(body), body });
  });

  test('one good signature among those of strangers', async () => {
    const [key, stranger] = await Promise.all([
      makeSigningKey({ name: 'Somebody' }),
      makeSigningKey({ name: 'Stranger', version: 6, kind: 'new-ed25519' }),
    ]);
    trustKey(key);
    const signatures = [stranger, key, stranger].map(
      async (signer) => await signer.sign(BODY, { armored: false }),
    );

    const signature = Buffer.concat(await Promise.all(signatures));

    expect((await host.verify({ signature, body: BODY })).fingerprint).toBe(key.fingerprint);
  });

  describe('one good signature among armored ones, each in a block of its own', () => {
    let key: SigningKey;
    let good: Uint8Array;
    let strange: Uint8Array;
    beforeEach(async () => {
      key = await makeSigningKey({ name: 'Somebody' });
      trustKey(key);
      good = await key.sign(BODY);
      strange = await (await makeSigningKey({ name: 'Stranger' })).sign(BODY);
    });

    for (const [where, order] of [
      ['at the end', () => [strange, strange, good]],
      ['in between, with text around it', () => [strange, 'by Somebody:\n', good, 'x\n', strange]],
      ['after one that cannot be read', () => [strange.subarray(0, 100), good]],
      ['before one that cannot be read', () => [good, '-----BEGIN PGP SIGNATURE-----\n']],
    ] as const) {
      test(where, async () => {
        const signature = Buffer.concat(order().map((part) => Buffer.from(part)));

        const accepted = await host.verify({ signature, body: BODY });

        expect(accepted.fingerprint).toBe(key.fingerprint);
      });
    }
  });
});

describe('checkIssuers()', () => {
  test('passes a good key before the file is there', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    trustKey(key);

    const verifier = await createVerifier(await key.sign(BODY));

    expect(verifier.issuers).toEqual([key.fingerprint]);
    await verifier.checkIssuers(host.trust, WEB);
  });

  test('refuses an unknown, an out-of-scope and an expired key before the file is there', async () => {
    const key = await makeSigningKey({ name: 'Somebody', lifetimeSeconds: 7200 });
    const verifier = await createVerifier(await key.sign(BODY), {
      now: () => host.now ?? Date.now(),
    });

    await expect(verifier.checkIssuers(host.trust, WEB)).rejects.toMatchObject({
      code: 'KEY_UNKNOWN',
    });
    trustKey(key, 'example.org');
    await expect(verifier.checkIssuers(host.trust, WEB)).rejects.toMatchObject({
      code: 'KEY_WRONG_SCOPE',
    });
    trustKey(key);
    await verifier.checkIssuers(host.trust, WEB);
    host.now = Date.now() + DAY;
    await expect(verifier.checkIssuers(host.trust, WEB)).rejects.toMatchObject({
      code: 'KEY_EXPIRED',
    });
  });

  test('leaves the verdict on the file to finish()', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    trustKey(key);
    const verifier = await createVerifier(await key.sign(BODY));

    await verifier.checkIssuers(host.trust, WEB);
    verifier.update(BODY);

    expect((await verifier.finish(host.trust, WEB)).fingerprint).toBe(key.fingerprint);
  });
});
