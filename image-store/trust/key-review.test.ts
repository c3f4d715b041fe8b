import { describe, expect, test } from 'vitest';
import { openGpgHome } from '../../test/helpers/gpg.ts';
import { requires } from '../../test/helpers/requires.ts';
import { makeSigningKey } from '../../test/helpers/signing.ts';
import { readPublicKeys } from './key-review.ts';

const OPTIONS = { source: 'https://example.com/pubkeys.gpg' };
const HOUR = 3_600_000;

describe('readPublicKeys()', () => {
  test('tells what there is to see of a key', async () => {
    const created = new Date('2024-05-06T07:08:09Z');
    const key = await makeSigningKey({
      name: 'Somebody <somebody@example.com>',
      kind: 'rsa2048',
      created,
      lifetimeSeconds: 3600,
      subkey: {},
    });

    const reviews = await readPublicKeys(Buffer.from(key.publicKeyArmored), OPTIONS);

    expect(reviews).toMatchObject([
      {
        fingerprint: key.fingerprint,
        version: 4,
        type: 'RSA 2048',
        bits: 2048,
        userIds: ['Somebody <somebody@example.com>'],
        created: created.getTime(),
        expires: created.getTime() + HOUR,
        revoked: false,
        problem: { code: 'KEY_EXPIRED' },
        subkeys: [{ fingerprint: key.signerFingerprint, type: 'RSA 2048', expires: undefined }],
      },
    ]);
  });

  for (const [kind, version, type] of [
    ['ed25519', 4, 'Ed25519'],
    ['new-ed25519', 6, 'Ed25519'],
    ['ed448', 6, 'Ed448'],
    ['p256', 4, 'ECDSA nistP256'],
  ] as const) {
    test(`names the type of a version ${version} key: ${kind}`, async () => {
      const key = await makeSigningKey({ name: 'Somebody', kind, version });

      const [review] = await readPublicKeys(Buffer.from(key.publicKeyArmored), OPTIONS);

      expect(review).toMatchObject({ type, version, bits: undefined, problem: undefined });
      expect(review?.expires).toBeUndefined();
    });
  }

  test('reads several keys, in one block, in several, and binary', async () => {
    const [a, b] = await Promise.all([
      makeSigningKey({ name: 'A' }),
      makeSigningKey({ name: 'B' }),
    ]);
    const files = [
      Buffer.from(`about A\n${a.publicKeyArmored}\nand B\n${b.publicKeyArmored}`),
      Buffer.concat([a.publicKey.write(), b.publicKey.write()]),
    ];

    for (const file of files) {
      const reviews = await readPublicKeys(file, OPTIONS);
      expect(reviews.map(({ fingerprint }) => fingerprint)).toEqual([a.fingerprint, b.fingerprint]);
    }
  });

  test('shows user ids without what would move the cursor or turn the writing round', async () => {
    const key = await makeSigningKey({ name: 'Good\u001b[2K\r\u202Eevil\u0000' });

    const [review] = await readPublicKeys(Buffer.from(key.publicKeyArmored), OPTIONS);

    expect(review?.userIds).toEqual(['Good\uFFFD[2K\uFFFD\uFFFDevil\uFFFD']);
  });

  test('does not show a user id that the key has not signed', async () => {
    const [key, other] = await Promise.all([
      makeSigningKey({ name: 'Somebody' }),
      makeSigningKey({ name: 'Famous Project' }),
    ]);
    key.publicKey.users.push(...other.publicKey.users);

    const [review] = await readPublicKeys(key.publicKey.write(), OPTIONS);

    expect(review?.userIds).toEqual(['Somebody']);
  });

  test('says what is wrong with a weak key', async () => {
    const key = await makeSigningKey({ name: 'Somebody', kind: 'rsa1024' });

    const [review] = await readPublicKeys(Buffer.from(key.publicKeyArmored), OPTIONS);

    expect(review?.problem).toMatchObject({ code: 'KEY_WEAK' });
  });

  test('refuses a private key', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });

    for (const bytes of [Buffer.from(key.privateKey.armor()), key.privateKey.write()]) {
      await expect(readPublicKeys(bytes, OPTIONS)).rejects.toMatchObject({
        code: 'KEY_FILE_INVALID',
        message: `cannot read the public key "${OPTIONS.source}": it is a private key, which must not leave its owner`,
      });
    }
  });

  test('refuses what is no key, naming its source', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const signature = await key.sign(Buffer.from('x'));
    const cut = Buffer.from(key.publicKeyArmored).subarray(0, 150);

    for (const bytes of ['', 'no key', '<html></html>', signature, cut, Buffer.alloc(100)]) {
      await expect(readPublicKeys(Buffer.from(bytes), OPTIONS)).rejects.toMatchObject({
        code: 'KEY_FILE_INVALID',
        message: expect.stringMatching(
          /^cannot read the public key "https:\/\/example\.com\/pubkeys\.gpg": /,
        ),
      });
    }
  });

  test('refuses keys made to keep it busy', async () => {
    const [huge, odd, many] = await Promise.all(
      ['A', 'B', 'C'].map(async (name) => await makeSigningKey({ name, kind: 'rsa2048' })),
    );
    Object.assign(huge!.publicKey.keyPacket.publicParams, { n: Buffer.alloc(2049, 0xff) });
    Object.assign(odd!.publicKey.keyPacket.publicParams, { e: Buffer.alloc(256, 0xff) });
    const [certification] = many!.publicKey.users[0]!.selfCertifications;
    for (let count = 0; count < 500; count += 1) {
      many!.publicKey.users[0]!.selfCertifications.push(certification!);
    }

    for (const [key, reason] of [
      [huge, 'a key of 16392 bits in it'],
      [odd, 'an RSA key with an exponent out of all proportion in it'],
      [many, 'more than 500 signatures of its own in it'],
    ] as const) {
      await expect(readPublicKeys(key!.publicKey.write(), OPTIONS)).rejects.toMatchObject({
        code: 'KEY_FILE_INVALID',
        message: expect.stringContaining(reason),
      });
    }
  });

  test('refuses more keys, and more bytes, than it will read', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const many = Buffer.concat(Array.from({ length: 65 }, () => key.publicKey.write()));

    await expect(readPublicKeys(many, OPTIONS)).rejects.toMatchObject({
      message: expect.stringContaining('more than 64 keys in it'),
    });
    await expect(readPublicKeys(Buffer.alloc(5_000_000), OPTIONS)).rejects.toMatchObject({
      message: expect.stringContaining('larger than 4194304 bytes'),
    });
  });
});

describe.runIf(requires('gpg'))('readPublicKeys() and the real gpg', () => {
  test('finds a key that only certifies good because of its signing subkey', async () => {
    using gpg = openGpgHome();
    const key = gpg.newKey({ name: 'Certifier', usage: 'cert' });

    const [alone] = await readPublicKeys(gpg.exportKey(key), OPTIONS);
    gpg.addSigningSubkey(key);
    const [together] = await readPublicKeys(gpg.exportKey(key, false), OPTIONS);

    expect(alone?.problem).toMatchObject({
      code: 'KEY_UNUSABLE',
      message: `cannot use key ${key}: none of its keys may sign`,
    });
    expect(together?.problem).toBeUndefined();
  });

  test('finds a DSA key with its ElGamal subkey weak', async () => {
    using gpg = openGpgHome();
    const key = gpg.newKey({ name: 'Old', algorithm: 'dsa2048' });
    gpg.run(['--quick-add-key', key, 'elg2048', 'encr', 'never']);

    const [review] = await readPublicKeys(gpg.exportKey(key), OPTIONS);

    expect(review).toMatchObject({
      type: 'DSA 2048',
      problem: { code: 'KEY_WEAK' },
      subkeys: [{ type: 'ElGamal 2048' }],
    });
  });
});
