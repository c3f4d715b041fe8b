import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type GpgHome, type GpgSignRequest, openGpgHome } from '../../test/helpers/gpg.ts';
import { requires } from '../../test/helpers/requires.ts';
import { makeTrustHost, type TrustHost } from '../../test/helpers/trust-host.ts';

const BODY = randomBytes(5000);

describe.runIf(requires('gpg'))('createVerifier() and the real gpg', () => {
  let gpg: GpgHome;
  let rsa: string;
  let host: TrustHost;
  beforeAll(() => {
    gpg = openGpgHome();
    rsa = gpg.newKey({ name: 'Somebody', algorithm: 'rsa2048' });
  });
  afterAll(() => gpg[Symbol.dispose]());
  beforeEach(() => {
    host = makeTrustHost();
    writeFileSync(join(host.dir, 'body'), BODY);
  });
  afterEach(() => host[Symbol.dispose]());

  function trustKey(fingerprint: string): void {
    host.put({ scope: 'example.com', fingerprint, content: gpg.exportKey(fingerprint) });
  }

  function signed(request: Omit<GpgSignRequest, 'file' | 'out'>): {
    signature: Uint8Array;
    body: Uint8Array;
  } {
    const out = join(host.dir, 'body.asc');
    gpg.sign({ ...request, file: join(host.dir, 'body'), out });
    return { signature: readFileSync(out), body: BODY };
  }

  for (const algorithm of ['ed25519', 'rsa2048', 'nistp256', 'nistp521']) {
    test(`accepts what it signs: ${algorithm}`, async () => {
      const key = gpg.newKey({ name: `Good ${algorithm}`, algorithm });
      trustKey(key);

      const armored = await host.verify(signed({ key }));
      const binary = await host.verify(signed({ key, armored: false }));

      expect(armored.fingerprint).toBe(key);
      expect(binary.fingerprint).toBe(key);
    });
  }

  for (const hash of ['SHA224', 'SHA256', 'SHA384', 'SHA512']) {
    test(`accepts a signature over ${hash}`, async () => {
      trustKey(rsa);

      const options = ['--digest-algo', hash];

      expect((await host.verify(signed({ key: rsa, options }))).fingerprint).toBe(rsa);
    });
  }

  for (const [hash, name] of [
    ['SHA1', 'SHA-1'],
    ['RIPEMD160', 'RIPEMD-160'],
    ['MD5', 'MD5'],
  ] as const) {
    test(`refuses a signature over ${name}`, async () => {
      trustKey(rsa);

      const options = ['--digest-algo', hash, '--allow-weak-digest-algos'];

      await expect(host.verify(signed({ key: rsa, options }))).rejects.toMatchObject({
        code: 'SIGNATURE_WEAK',
        message: `cannot accept the signature: it is made over a ${name} hash, which can be forged`,
        hint: expect.stringContaining('SHA-512'),
      });
    });
  }

  for (const [algorithm, described] of [
    ['rsa1024', 'an RSA key of 1024 bits'],
    ['dsa2048', 'a DSA key of 2048 bits'],
    ['secp256k1', 'a key on the curve secp256k1'],
  ] as const) {
    test(`refuses a weak key: ${algorithm}`, async () => {
      const key = gpg.newKey({ name: `Weak ${algorithm}`, algorithm });
      trustKey(key);

      await expect(host.verify(signed({ key }))).rejects.toMatchObject({
        code: 'KEY_WEAK',
        message: `cannot trust key ${key}: it is ${described}, which is too weak`,
      });
    });
  }

  test('refuses a key that its owner vouches for over SHA-1 only', async () => {
    const old = ['--cert-digest-algo', 'SHA1'];
    gpg.run([...old, '--quick-generate-key', 'Old', 'rsa2048', 'sign', 'never']);
    const key = gpg.fingerprintOf('Old');
    trustKey(key);

    await expect(host.verify(signed({ key }))).rejects.toMatchObject({
      code: 'KEY_WEAK',
      message: `cannot trust key ${key}: it is vouched for by its owner over a SHA-1 hash only, which is too weak`,
    });
  });

  for (const algorithm of ['ed25519', 'rsa2048']) {
    test(`believes a revocation over SHA-1: ${algorithm}`, async () => {
      const key = gpg.newKey({ name: `Revoked the old way ${algorithm}`, algorithm });
      const attempt = signed({ key });
      const options = ['--no-batch', '--command-fd', '0', '--cert-digest-algo', 'SHA1'];
      gpg.run([...options, '--edit-key', key], { input: 'revkey\ny\n1\n\ny\nsave\n' });
      trustKey(key);

      await expect(host.verify(attempt)).rejects.toMatchObject({ code: 'KEY_REVOKED' });
    });
  }

  test('refuses a key on a curve the library cannot compute with, saying so', async () => {
    const key = gpg.newKey({ name: 'Brainpool', algorithm: 'brainpoolP256r1' });
    trustKey(key);

    await expect(host.verify(signed({ key }))).rejects.toMatchObject({
      code: 'KEY_UNUSABLE',
      message: `cannot use key ${key}: its curve brainpoolP256r1 is not supported`,
    });
  });

  test('refuses a key that has expired', async () => {
    const at = new Date('2020-01-01T00:00:00Z');
    const key = gpg.newKey({ name: 'Expired', expire: '1d', at });
    trustKey(key);

    const attempt = signed({ key, at: new Date('2020-01-01T12:00:00Z') });

    await expect(host.verify(attempt)).rejects.toMatchObject({
      code: 'KEY_EXPIRED',
      message: `cannot trust key ${key}: it expired on 2020-01-02T00:00:00Z`,
    });
  });

  test('accepts an expired key again once its owner has extended it', async () => {
    const at = new Date('2020-01-01T00:00:00Z');
    const key = gpg.newKey({ name: 'Extended', expire: '1d', at });
    gpg.run(['--quick-set-expire', key, '2099-01-01']);
    trustKey(key);

    const attempt = signed({ key });

    expect((await host.verify(attempt)).fingerprint).toBe(key);
  });

  test('refuses a key that is not yet valid', async () => {
    const at = new Date('2090-01-01T00:00:00Z');
    const key = gpg.newKey({ name: 'Unborn', at });
    host.put({ fingerprint: key, content: gpg.exportKey(key) });

    const attempt = signed({ key, at: new Date('2090-01-02T00:00:00Z') });

    await expect(host.verify(attempt)).rejects.toMatchObject({ code: 'KEY_NOT_YET_VALID' });
  });

  test('refuses a key that was revoked', async () => {
    const key = gpg.newKey({ name: 'Revoked' });
    const attempt = signed({ key });
    trustKey(key);
    await host.verify(attempt);

    gpg.revoke(key);
    trustKey(key);

    await expect(host.verify(attempt)).rejects.toMatchObject({
      code: 'KEY_REVOKED',
      message: expect.stringContaining(`cannot trust key ${key}: its owner has revoked it`),
    });
  });

  test('refuses a subkey that was revoked, and goes on accepting the other one', async () => {
    const key = gpg.newKey({ name: 'Rotated', usage: 'cert' });
    const [old, young] = [gpg.addSigningSubkey(key), gpg.addSigningSubkey(key)];
    const attempts = [signed({ key: `${old}!` }), signed({ key: `${young}!` })] as const;
    gpg.run(['--no-batch', '--command-fd', '0', '--edit-key', key], {
      input: 'key 1\nrevkey\ny\n1\n\ny\nsave\n',
    });
    trustKey(key);

    await expect(host.verify(attempts[0])).rejects.toMatchObject({
      code: 'KEY_REVOKED',
      message: expect.stringContaining(old),
    });
    expect(await host.verify(attempts[1])).toMatchObject({ fingerprint: key, signedBy: young });
  });

  test('refuses a signature that has expired', async () => {
    const key = gpg.newKey({ name: 'Short', at: new Date('2020-01-01T00:00:00Z') });
    trustKey(key);

    const attempt = signed({
      key,
      at: new Date('2020-01-01T12:00:00Z'),
      options: ['--default-sig-expire', '1d'],
    });

    await expect(host.verify(attempt)).rejects.toMatchObject({
      code: 'SIGNATURE_EXPIRED',
      message: `cannot accept the signature by key ${key}: it expired on 2020-01-02T12:00:00Z`,
    });
  });

  test('refuses a signature made in the future', async () => {
    const key = gpg.newKey({ name: 'Early' });
    trustKey(key);

    const attempt = signed({ key, at: new Date('2090-01-01T00:00:00Z') });

    await expect(host.verify(attempt)).rejects.toMatchObject({ code: 'SIGNATURE_FROM_FUTURE' });
  });

  test('refuses a signature over text, which leaves line ends open', async () => {
    const key = gpg.newKey({ name: 'Writer' });
    trustKey(key);

    const attempt = signed({ key, options: ['--textmode'] });

    await expect(host.verify(attempt)).rejects.toMatchObject({ code: 'SIGNATURE_MALFORMED' });
  });

  test('refuses a signed message in place of a detached signature', async () => {
    const key = gpg.newKey({ name: 'Inline' });
    trustKey(key);
    const out = join(host.dir, 'inline');
    gpg.run(['-u', key, '-o', out, '--sign', join(host.dir, 'body')]);

    const attempt = { signature: readFileSync(out), body: BODY };

    await expect(host.verify(attempt)).rejects.toMatchObject({ code: 'SIGNATURE_MALFORMED' });
  });
});
