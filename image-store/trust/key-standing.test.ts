import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAcIdentifier } from '#schema/types/names';
import { makeSigningKey, signingKeyOf } from '../../test/helpers/signing.ts';
import { makeTrustHost, type TrustHost } from '../../test/helpers/trust-host.ts';
import { openTrust } from './open-trust.ts';
import type { StandingQuestion } from './trust-types.ts';

const DAY = 86_400_000;

let host: TrustHost;
beforeEach(() => {
  host = makeTrustHost();
});
afterEach(() => host[Symbol.dispose]());

function about(fingerprint: string, more: Partial<StandingQuestion> = {}): StandingQuestion {
  return { fingerprint, name: parseAcIdentifier('example.com/web'), ...more };
}

describe('isTrusted()', () => {
  test('knows a key after it was examined once', async () => {
    const { fingerprint, publicKeyArmored: content } = await makeSigningKey({ name: 'Somebody' });
    host.put({ fingerprint, content });

    expect(host.trust.isTrusted(about(fingerprint))).toBe('unread');
    expect(await host.trust.examine(about(fingerprint))).toBe('trusted');
    expect(host.trust.isTrusted(about(fingerprint))).toBe('trusted');
  });

  test('notices that the key file was removed', async () => {
    const { fingerprint, publicKeyArmored: content } = await makeSigningKey({ name: 'Somebody' });
    const path = host.put({ fingerprint, content });
    await host.trust.examine(about(fingerprint));

    rmSync(path);

    expect(host.trust.isTrusted(about(fingerprint))).toBe('absent');
    expect(await host.trust.examine(about(fingerprint))).toBe('absent');
  });

  test('notices that the key was masked', async () => {
    const { fingerprint, publicKeyArmored: content } = await makeSigningKey({ name: 'Somebody' });
    host.put({ layer: 'system', fingerprint, content });
    await host.trust.examine(about(fingerprint));

    host.put({ fingerprint, content: '' });

    expect(host.trust.isTrusted(about(fingerprint))).toBe('masked');
    expect(await host.trust.examine(about(fingerprint))).toBe('masked');
  });

  test('says absent of a key that is trusted for other names only', async () => {
    const { fingerprint, publicKeyArmored: content } = await makeSigningKey({ name: 'Somebody' });
    host.put({ scope: 'example.org', fingerprint, content });

    expect(host.trust.isTrusted(about(fingerprint))).toBe('absent');
  });

  test('notices that the key has expired, without reading it again', async () => {
    const key = await makeSigningKey({ name: 'Somebody', lifetimeSeconds: 7200 });
    host.put({ fingerprint: key.fingerprint, content: key.publicKeyArmored });
    await host.trust.examine(about(key.fingerprint));
    expect(host.trust.isTrusted(about(key.fingerprint))).toBe('trusted');

    host.now = Date.now() + DAY;

    expect(host.trust.isTrusted(about(key.fingerprint))).toBe('expired');
  });

  test('reads the key again when its file was replaced by a revoked copy', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const { fingerprint } = key;
    host.put({ fingerprint, content: key.publicKeyArmored });
    await host.trust.examine(about(fingerprint));

    const revoked = await signingKeyOf(key.privateKey, 'compromised');
    host.put({ fingerprint, content: revoked.publicKeyArmored });

    expect(host.trust.isTrusted(about(fingerprint))).toBe('unread');
    expect(await host.trust.examine(about(fingerprint))).toBe('revoked');
    expect(host.trust.isTrusted(about(fingerprint))).toBe('revoked');
  });

  test('judges the subkey that signed, where that is known', async () => {
    const key = await makeSigningKey({ name: 'Somebody', subkey: { lifetimeSeconds: 7200 } });
    host.put({ fingerprint: key.fingerprint, content: key.publicKeyArmored });
    const question = about(key.fingerprint, { signedBy: key.signerFingerprint });
    expect(await host.trust.examine(question)).toBe('trusted');

    host.now = Date.now() + DAY;

    expect(host.trust.isTrusted(question)).toBe('expired');
    expect(host.trust.isTrusted(about(key.fingerprint))).toBe('trusted');
  });

  test('says absent of a subkey that is no longer in the key', async () => {
    const key = await makeSigningKey({ name: 'Somebody', subkey: {} });
    key.publicKey.subkeys = [];
    host.put({ fingerprint: key.fingerprint, content: key.publicKey.armor() });

    const question = about(key.fingerprint, { signedBy: key.signerFingerprint });

    expect(await host.trust.examine(question)).toBe('absent');
  });

  test('stays unread without a folder for what was read', async () => {
    const { fingerprint, publicKeyArmored: content } = await makeSigningKey({ name: 'Somebody' });
    host.put({ fingerprint, content });
    const { factsDir: _, ...roots } = host.roots;
    const trust = openTrust(roots);

    expect(await trust.examine(about(fingerprint))).toBe('trusted');
    expect(trust.isTrusted(about(fingerprint))).toBe('unread');
  });

  test('does not rely on facts that others may write, or that cannot be read', async () => {
    const { fingerprint, publicKeyArmored: content } = await makeSigningKey({ name: 'Somebody' });
    host.put({ fingerprint, content });
    await host.trust.examine(about(fingerprint));
    const [fact = ''] = readdirSync(host.roots.factsDir);
    const facts = join(host.roots.factsDir, fact);
    const text = readFileSync(facts);

    chmodSync(facts, 0o666);
    expect(host.trust.isTrusted(about(fingerprint))).toBe('unread');
    chmodSync(facts, 0o644);
    expect(host.trust.isTrusted(about(fingerprint))).toBe('trusted');

    for (const broken of ['', '[]x', '{}', text.subarray(0, 20)]) {
      writeFileSync(facts, broken);
      expect(host.trust.isTrusted(about(fingerprint))).toBe('unread');
    }
    expect(await host.trust.examine(about(fingerprint))).toBe('trusted');
  });

  test('does not rely on facts of another key file that were put in their place', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const { fingerprint } = key;
    host.put({ fingerprint, content: key.publicKeyArmored });
    await host.trust.examine(about(fingerprint));
    const [name = ''] = readdirSync(host.roots.factsDir);
    const facts = join(host.roots.factsDir, name);
    renameSync(facts, `${facts}.kept`);
    const revoked = await signingKeyOf(key.privateKey, 'compromised');
    host.put({ fingerprint, content: revoked.publicKeyArmored });
    await host.trust.examine(about(fingerprint));

    renameSync(`${facts}.kept`, facts);

    expect(host.trust.isTrusted(about(fingerprint))).toBe('unread');
    expect(await host.trust.examine(about(fingerprint))).toBe('revoked');
  });

  test('refuses a file that is not the key it is named after', async () => {
    const [key, other] = await Promise.all([
      makeSigningKey({ name: 'Somebody' }),
      makeSigningKey({ name: 'Other' }),
    ]);
    host.put({ fingerprint: key.fingerprint, content: other.publicKeyArmored });

    await expect(host.trust.examine(about(key.fingerprint))).rejects.toMatchObject({
      code: 'KEY_FILE_INVALID',
    });
  });
});
