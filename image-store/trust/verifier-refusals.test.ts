import { randomBytes } from 'node:crypto';
import { readSignature } from 'openpgp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeSigningKey, type SigningKey } from '../../test/helpers/signing.ts';
import { makeTrustHost, type TrustHost } from '../../test/helpers/trust-host.ts';
import { createVerifier } from './verifier.ts';

const BODY = randomBytes(5000);

let host: TrustHost;
beforeEach(() => {
  host = makeTrustHost();
});
afterEach(() => host[Symbol.dispose]());

function trustKey(key: SigningKey, scope = 'example.com'): void {
  host.put({ scope, fingerprint: key.fingerprint, content: key.publicKeyArmored });
}

describe('createVerifier() refuses', () => {
  test('the signature of another file', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    trustKey(key);

    const signature = await key.sign(randomBytes(5000));

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
      message: `cannot accept the signature by key ${key.fingerprint}: it is not a signature of this image`,
    });
  });

  test('a file of which any one bit was changed, one byte added, or the end cut off', async () => {
    const key = await makeSigningKey({ name: 'Somebody', version: 6, kind: 'new-ed25519' });
    trustKey(key);
    const signature = await key.sign(BODY);
    const changed = Buffer.from(BODY);
    changed[4321]! ^= 1;

    for (const body of [changed, Buffer.concat([BODY, Buffer.of(0)]), BODY.subarray(0, -1)]) {
      await expect(host.verify({ signature, body })).rejects.toMatchObject({
        code: 'SIGNATURE_INVALID',
      });
    }
  });

  test('an unknown key, naming it', async () => {
    const key = await makeSigningKey({ name: 'Stranger' });

    const signature = await key.sign(BODY);

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'KEY_UNKNOWN',
      message: `cannot accept the signature of "example.com/web": made by a key that is not trusted: ${key.fingerprint}`,
      hint: expect.stringContaining('gantry trust --prefix=example.com/web'),
    });
  });

  test('a key trusted for another prefix, naming that', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    trustKey(key, 'example.com/webster');
    trustKey(key, 'example.org');

    const signature = await key.sign(BODY);

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'KEY_WRONG_SCOPE',
      message: `cannot accept the signature of "example.com/web": key ${key.fingerprint} is trusted for "example.com/webster", "example.org" only`,
    });
  });

  test('the subkey of a key trusted for another prefix', async () => {
    const key = await makeSigningKey({ name: 'Somebody', subkey: {} });
    trustKey(key, 'example.org');

    const signature = await key.sign(BODY);

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'KEY_WRONG_SCOPE',
    });
  });

  test('a masked key, naming the mask', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const { fingerprint } = key;
    host.put({ layer: 'system', fingerprint, content: key.publicKeyArmored });
    const mask = host.put({ fingerprint, content: '' });

    const signature = await key.sign(BODY);

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'KEY_MASKED',
      message: `cannot accept the signature of "example.com/web": trust in key ${fingerprint} was taken back by "${mask}"`,
    });
  });

  test('an expired key, saying when it did', async () => {
    const created = new Date('2020-01-01T00:00:00Z');
    const key = await makeSigningKey({ name: 'Somebody', created, lifetimeSeconds: 86_400 });
    trustKey(key);

    const signature = await key.sign(BODY, { at: new Date('2020-01-01T12:00:00Z') });

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'KEY_EXPIRED',
      message: `cannot trust key ${key.fingerprint}: it expired on 2020-01-02T00:00:00Z`,
    });
  });

  test('a key at the very second it expires, and not one before', async () => {
    const created = new Date('2020-01-01T00:00:00Z');
    const key = await makeSigningKey({ name: 'Somebody', created, lifetimeSeconds: 86_400 });
    trustKey(key);
    const signature = await key.sign(BODY, { at: new Date('2020-01-01T12:00:00Z') });

    host.now = Date.parse('2020-01-01T23:59:59Z');
    await host.verify({ signature, body: BODY });

    host.now = Date.parse('2020-01-02T00:00:00Z');
    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'KEY_EXPIRED',
    });
  });

  test('an expired subkey of a good key', async () => {
    const created = new Date('2020-01-01T00:00:00Z');
    const key = await makeSigningKey({
      name: 'Somebody',
      created,
      subkey: { lifetimeSeconds: 86_400 },
    });
    trustKey(key);

    const signature = await key.sign(BODY, { at: new Date('2020-01-01T12:00:00Z') });

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'KEY_EXPIRED',
      message: expect.stringContaining(key.signerFingerprint),
    });
  });

  for (const revoked of ['compromised', 'superseded'] as const) {
    test(`a revoked key: ${revoked}`, async () => {
      const key = await makeSigningKey({ name: 'Somebody', revoked });
      trustKey(key);

      const signature = await key.sign(BODY);

      await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
        code: 'KEY_REVOKED',
        message: `cannot trust key ${key.fingerprint}: its owner has revoked it (${revoked})`,
      });
    });
  }

  test('a key that is not yet valid', async () => {
    const created = new Date('2100-01-01T00:00:00Z');
    const key = await makeSigningKey({ name: 'Somebody', created });
    trustKey(key);

    const signature = await key.sign(BODY, { at: new Date('2100-01-02T00:00:00Z') });

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'KEY_NOT_YET_VALID',
      message: `cannot trust key ${key.fingerprint}: it is valid from 2100-01-01T00:00:00Z on only`,
    });
  });

  test('a short RSA key', async () => {
    const key = await makeSigningKey({ name: 'Somebody', kind: 'rsa1024' });
    trustKey(key);

    const signature = await key.sign(BODY);

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'KEY_WEAK',
      message: `cannot trust key ${key.fingerprint}: it is an RSA key of 1024 bits, which is too weak`,
    });
  });

  test('a signature made in the future', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    trustKey(key);

    const signature = await key.sign(BODY, { at: new Date('2090-01-01T00:00:00Z') });

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'SIGNATURE_FROM_FUTURE',
      message: expect.stringContaining('2090-01-01T00:00:00Z'),
    });
  });

  test('garbage', async () => {
    const garbage = [
      '',
      'not a signature',
      '-----BEGIN PGP SIGNATURE-----\n\nnonsense\n-----END PGP SIGNATURE-----\n',
      randomBytes(300),
    ];
    for (const bytes of garbage) {
      await expect(createVerifier(Buffer.from(bytes))).rejects.toMatchObject({
        code: 'SIGNATURE_MALFORMED',
        message: expect.stringMatching(/^cannot read the signature: /),
      });
    }
  });

  test('a key in place of a signature', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });

    for (const bytes of [Buffer.from(key.publicKeyArmored), key.publicKey.write()]) {
      await expect(createVerifier(bytes)).rejects.toMatchObject({ code: 'SIGNATURE_MALFORMED' });
    }
  });

  test('the signature of a key over itself in place of one over a file', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });

    const selfSignature = key.publicKey.users[0]!.selfCertifications[0]!;
    const { PacketList } = await import('openpgp');
    const list = new PacketList();
    list.push(selfSignature);

    await expect(createVerifier(list.write())).rejects.toMatchObject({
      code: 'SIGNATURE_MALFORMED',
      message: 'cannot read the signature: it signs a text or a key, not the bytes of a file',
    });
  });

  for (const [form, armored] of [
    ['binary', false],
    ['armored', true],
  ] as const) {
    test(`more signatures than anybody needs, ${form}`, async () => {
      const key = await makeSigningKey({ name: 'Somebody' });
      const one = await key.sign(BODY, { armored });

      const many = Buffer.concat(Array.from({ length: 9 }, () => one));

      await expect(createVerifier(many)).rejects.toMatchObject({
        code: 'SIGNATURE_MALFORMED',
        message: 'cannot read the signature: more than 8 signatures in it',
      });
    });
  }

  test('more signatures than anybody needs, several in one armored block', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const five = Array.from({ length: 5 }, async () => await key.sign(BODY, { armored: false }));
    const binarySignature = new Uint8Array(Buffer.concat(await Promise.all(five)));
    const block = (await readSignature({ binarySignature })).armor();

    await expect(createVerifier(Buffer.from(`${block}${block}`))).rejects.toMatchObject({
      code: 'SIGNATURE_MALFORMED',
      message: 'cannot read the signature: more than 8 signatures in it',
    });
  });

  test('armored blocks none of which can be read', async () => {
    const text = '-----BEGIN PGP SIGNATURE-----\n'.repeat(8);

    await expect(createVerifier(Buffer.from(text))).rejects.toMatchObject({
      code: 'SIGNATURE_MALFORMED',
    });
  });

  test('a signature file that is too large', async () => {
    await expect(createVerifier(randomBytes(256 * 1024 + 1))).rejects.toMatchObject({
      code: 'SIGNATURE_MALFORMED',
      message: 'cannot read the signature: larger than 262144 bytes',
    });
  });

  test('a key file that holds another key than its name says', async () => {
    const [key, other] = await Promise.all([
      makeSigningKey({ name: 'Somebody' }),
      makeSigningKey({ name: 'Other' }),
    ]);
    const path = host.put({ fingerprint: key.fingerprint, content: other.publicKeyArmored });

    for (const signer of [key, other]) {
      const signature = await signer.sign(BODY);
      await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
        code: signer === key ? 'KEY_FILE_INVALID' : 'KEY_UNKNOWN',
      });
    }
    await expect(
      host.verify({ signature: await key.sign(BODY), body: BODY }),
    ).rejects.toMatchObject({
      message: `cannot read the public key "${path}": the file's name must be the key's fingerprint, which is ${other.fingerprint}`,
    });
  });

  test('a key file that holds two keys', async () => {
    const [key, other] = await Promise.all([
      makeSigningKey({ name: 'Somebody' }),
      makeSigningKey({ name: 'Other' }),
    ]);
    host.put({
      fingerprint: key.fingerprint,
      content: key.publicKeyArmored + other.publicKeyArmored,
    });

    const signature = await other.sign(BODY);

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'KEY_UNKNOWN',
    });
  });

  test('the most telling of several refusals', async () => {
    const [known, stranger] = await Promise.all([
      makeSigningKey({ name: 'Somebody' }),
      makeSigningKey({ name: 'Stranger' }),
    ]);
    trustKey(known);
    const signatures = [stranger, known].map(
      async (signer) => await signer.sign(randomBytes(10), { armored: false }),
    );

    const signature = Buffer.concat(await Promise.all(signatures));

    await expect(host.verify({ signature, body: BODY })).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
    });
  });
});
