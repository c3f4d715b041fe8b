import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAcIdentifier } from '#schema/types/names';
import { requires } from '../../test/helpers/requires.ts';
import { makeSigningKey, type SigningKey, signingKeyOf } from '../../test/helpers/signing.ts';
import { makeTrustHost, type TrustHost } from '../../test/helpers/trust-host.ts';
import { addTrustedKey, maskTrustedKey, removeTrustedKey, unmaskTrustedKey } from './edit-keys.ts';
import { openGpgHome } from '../../test/helpers/gpg.ts';
import { type KeyReview, readPublicKeys } from './key-review.ts';

const WEB = parseAcIdentifier('example.com/web');
const BODY = Buffer.from('an image');

let host: TrustHost;
beforeEach(() => {
  host = makeTrustHost();
});
afterEach(() => host[Symbol.dispose]());

async function review(key: SigningKey): Promise<KeyReview> {
  const [found] = await readPublicKeys(Buffer.from(key.publicKeyArmored), { source: 'key.asc' });
  return found!;
}

describe('addTrustedKey()', () => {
  test('trusts a key for a prefix, in the local folder', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });

    const { path, outcome } = await addTrustedKey(host.roots, await review(key), { scope: WEB });

    expect(outcome).toBe('added');
    expect(path).toBe(join(host.roots.localDir, 'prefix.d/example.com/web', key.fingerprint));
    expect(readFileSync(path, 'utf8')).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n/);
    const signature = await key.sign(BODY);
    await host.verify({ signature, body: BODY });
    await expect(host.verify({ signature, body: BODY, name: 'example.com' })).rejects.toMatchObject(
      { code: 'KEY_WRONG_SCOPE' },
    );
  });

  test('trusts a key for everything', async () => {
    const key = await makeSigningKey({ name: 'Somebody', version: 6, kind: 'new-ed25519' });

    const { path } = await addTrustedKey(host.roots, await review(key), { scope: '' });

    expect(path).toBe(join(host.roots.localDir, 'root.d', key.fingerprint));
    await host.verify({ signature: await key.sign(BODY), body: BODY, name: 'anything.org' });
  });

  test('is known to the next run without reading the key', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });

    await addTrustedKey(host.roots, await review(key), { scope: WEB });

    const question = { fingerprint: key.fingerprint, name: WEB };
    expect(host.trust.isTrusted(question)).toBe('trusted');
  });

  test('makes files that everybody may read, whatever the umask, and leaves nothing else', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const before = process.umask(0o077);
    try {
      const { path } = await addTrustedKey(host.roots, await review(key), { scope: WEB });

      expect(statSync(path).mode & 0o777).toBe(0o644);
      const folder = join(host.roots.localDir, 'prefix.d/example.com');
      expect(statSync(folder).mode & 0o755).toBe(0o755);
      expect(readdirSync(join(folder, 'web'))).toEqual([key.fingerprint]);
    } finally {
      process.umask(before);
    }
  });

  test('changes nothing the second time', async () => {
    const key = await makeSigningKey({ name: 'Somebody', subkey: {} });
    const { path } = await addTrustedKey(host.roots, await review(key), { scope: WEB });
    const before = statSync(path, { bigint: true });

    const again = await addTrustedKey(host.roots, await review(key), { scope: WEB });

    expect(again.outcome).toBe('unchanged');
    expect(statSync(path, { bigint: true }).ino).toBe(before.ino);
  });

  test('takes a revocation over into a key trusted already', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    await addTrustedKey(host.roots, await review(key), { scope: WEB });
    const revoked = await signingKeyOf(key.privateKey, 'superseded');

    const { outcome, key: now } = await addTrustedKey(host.roots, await review(revoked), {
      scope: WEB,
    });

    expect(outcome).toBe('updated');
    expect(now.problem).toMatchObject({ code: 'KEY_REVOKED' });
    const question = { fingerprint: key.fingerprint, name: WEB };
    expect(host.trust.isTrusted(question)).toBe('revoked');
  });

  test('does not lose a revocation to an older copy of the key', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    await addTrustedKey(host.roots, await review(key), { scope: WEB });
    const revoked = await signingKeyOf(key.privateKey, 'compromised');
    await addTrustedKey(host.roots, await review(revoked), { scope: WEB });

    const { outcome, key: now } = await addTrustedKey(host.roots, await review(key), {
      scope: WEB,
    });

    expect(outcome).toBe('unchanged');
    expect(now.problem).toMatchObject({ code: 'KEY_REVOKED' });
  });

  test.runIf(requires('gpg'))('takes a revocation over that nobody can prove', async () => {
    using gpg = openGpgHome();
    const fingerprint = gpg.newKey({ name: 'Somebody' });
    const [before] = await readPublicKeys(gpg.exportKey(fingerprint), { source: 'before' });
    const options = ['--no-batch', '--command-fd', '0', '--cert-digest-algo', 'SHA1'];
    gpg.run([...options, '--edit-key', fingerprint], { input: 'revkey\ny\n1\n\ny\nsave\n' });
    const [after] = await readPublicKeys(gpg.exportKey(fingerprint), { source: 'after' });

    await addTrustedKey(host.roots, before!, { scope: WEB });
    await addTrustedKey(host.roots, after!, { scope: WEB });

    expect(host.trust.isTrusted({ fingerprint, name: WEB })).toBe('revoked');
  });

  for (const [what, request, code] of [
    ['a revoked', { revoked: 'compromised' }, 'KEY_REVOKED'],
    ['a short', { kind: 'rsa1024' }, 'KEY_WEAK'],
    ['an expired', { created: new Date('2020-01-01'), lifetimeSeconds: 60 }, 'KEY_EXPIRED'],
    ['a not yet valid', { created: new Date('2090-01-01') }, 'KEY_NOT_YET_VALID'],
  ] as const) {
    test(`refuses ${what} key and writes nothing`, async () => {
      const key = await makeSigningKey({ name: 'Somebody', ...request });

      const adding = addTrustedKey(host.roots, await review(key), { scope: WEB });

      await expect(adding).rejects.toMatchObject({ code });
      expect(existsSync(host.roots.localDir)).toBe(false);
    });
  }

  test('replaces a mask', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    host.put({ scope: WEB, fingerprint: key.fingerprint, content: '' });

    const { outcome } = await addTrustedKey(host.roots, await review(key), { scope: WEB });

    expect(outcome).toBe('added');
    expect(host.trust.isTrusted({ fingerprint: key.fingerprint, name: WEB })).toBe('trusted');
  });

  test('lets several add the same key at once', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const reviewed = await review(key);

    const added = await Promise.all(
      Array.from(
        { length: 10 },
        async () => await addTrustedKey(host.roots, reviewed, { scope: WEB }),
      ),
    );

    expect(added).toHaveLength(10);
    await host.verify({ signature: await key.sign(BODY), body: BODY });
  });

  // Only who is root can become somebody who may not write.
  test.runIf(requires('root'))('says who may when it may not', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const reviewed = await review(key);
    chmodSync(host.dir, 0o755);
    process.seteuid?.(65534);
    try {
      await expect(addTrustedKey(host.roots, reviewed, { scope: WEB })).rejects.toMatchObject({
        code: 'TRUST_NO_PERMISSION',
        message: expect.stringMatching(/^cannot change trusted key ".*": permission denied$/),
        hint: 'run as root or as a member of the group "gantry-admin"',
      });
    } finally {
      process.seteuid?.(0);
    }
  });
});

describe('removeTrustedKey()', () => {
  test('removes a local key, telling which file makes it trusted still', async () => {
    const { fingerprint } = await makeSigningKey({ name: 'Somebody' });
    host.put({ fingerprint, content: 'key' });

    expect(removeTrustedKey(host.roots, { fingerprint, scope: '' })).toEqual({});

    host.put({ scope: WEB, fingerprint, content: 'key' });
    const path = host.put({ layer: 'system', fingerprint, content: 'key' });
    expect(removeTrustedKey(host.roots, { fingerprint, scope: WEB })).toMatchObject({
      key: { path, scope: '' },
    });
    expect(host.trust.list()).toMatchObject([{ origin: 'system' }]);
  });

  test('refuses a key that is not there, and a system key with the way to mask it', () => {
    const place = { fingerprint: 'a'.repeat(40), scope: WEB };
    expect(() => removeTrustedKey(host.roots, place)).toThrow(
      expect.objectContaining({
        code: 'KEY_NOT_THERE',
        message: expect.stringMatching(/^cannot remove ".*": no such file$/),
      }),
    );

    host.put({ layer: 'system', ...place, content: 'key' });
    expect(() => removeTrustedKey(host.roots, place)).toThrow(
      expect.objectContaining({
        hint: 'the key comes with the system: mask it to trust it no longer',
      }),
    );
  });
});

describe('maskTrustedKey()', () => {
  test('takes trust back until it is unmasked', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const place = { fingerprint: key.fingerprint, scope: WEB };
    host.put({ layer: 'system', ...place, content: key.publicKeyArmored });

    const path = join(host.roots.localDir, 'prefix.d', WEB, key.fingerprint);
    expect(maskTrustedKey(host.roots, place)).toEqual({ maskedBy: path });
    expect(statSync(path).size).toBe(0);
    const question = { fingerprint: key.fingerprint, name: WEB };
    expect(host.trust.isTrusted(question)).toBe('masked');
    expect(maskTrustedKey(host.roots, place)).toEqual({ maskedBy: path });

    expect(unmaskTrustedKey(host.roots, place)).toMatchObject({ key: { origin: 'system' } });
    expect(await host.trust.examine(question)).toBe('trusted');
  });

  test('tells of a key that holds against the mask, of none, and of another mask', () => {
    const place = { fingerprint: 'a'.repeat(40), scope: WEB };
    const path = host.put({ layer: 'user', ...place, content: 'key' });
    expect(maskTrustedKey(host.roots, place)).toMatchObject({ key: { path } });

    host.put({ layer: 'user', ...place, content: '' });
    expect(unmaskTrustedKey(host.roots, place)).toEqual({ maskedBy: path });

    rmSync(path);
    maskTrustedKey(host.roots, place);
    expect(unmaskTrustedKey(host.roots, place)).toEqual({});
  });

  test('does not take the place of a key that was added here', () => {
    const place = { fingerprint: 'a'.repeat(40), scope: WEB };
    const path = host.put({ ...place, content: 'key' });

    expect(() => maskTrustedKey(host.roots, place)).toThrow(
      expect.objectContaining({
        code: 'KEY_ADDED_HERE',
        message: `cannot mask key ${place.fingerprint}: "${path}" is a key that was added here`,
        hint: `take it away with "gantry trust --remove --prefix=${WEB} ${place.fingerprint}"`,
      }),
    );
    host.put({ layer: 'system', ...place, content: 'key' });
    expect(() => maskTrustedKey(host.roots, place)).toThrow(
      expect.objectContaining({
        hint: expect.stringMatching(/^take it away with .*, then mask the one of the system$/),
      }),
    );
    expect(readFileSync(path, 'utf8')).toBe('key');
  });

  test('does not unmask by removing a key, nor the other way round', () => {
    const place = { fingerprint: 'a'.repeat(40), scope: WEB };
    maskTrustedKey(host.roots, place);
    expect(() => removeTrustedKey(host.roots, place)).toThrow(
      expect.objectContaining({ code: 'KEY_NOT_THERE', message: expect.stringContaining('mask') }),
    );

    host.put({ ...place, content: 'key' });
    expect(() => unmaskTrustedKey(host.roots, place)).toThrow(
      expect.objectContaining({ code: 'KEY_NOT_THERE', message: expect.stringContaining('key') }),
    );

    host.put({ layer: 'system', ...place, content: 'key' });
    removeTrustedKey(host.roots, place);
    expect(() => unmaskTrustedKey(host.roots, place)).toThrow(
      expect.objectContaining({ hint: 'list the trusted keys with "gantry trust --list"' }),
    );
  });
});
