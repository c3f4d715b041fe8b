import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAcIdentifier } from '#schema/types/names';
import { makeSigningKey, type SigningKey, signingKeyOf } from '../../test/helpers/signing.ts';
import { makeTrustHost, type TrustHost } from '../../test/helpers/trust-host.ts';
import { addTrustedKey } from './edit-keys.ts';
import { isIssuer, type KeySource, leftOutText, nothingLeft, offerKeys } from './key-offers.ts';
import { createVerifier } from './verifier.ts';

const WEB = parseAcIdentifier('example.com/web');
const EXPIRED = { created: new Date('2020-01-01'), lifetimeSeconds: 60 };
const BODY = Buffer.from('an image');

let host: TrustHost;
let good: SigningKey;
let old: SigningKey;
beforeEach(async () => {
  host = makeTrustHost();
  good = await makeSigningKey({ name: 'Good' });
  old = await makeSigningKey({ name: 'Old', ...EXPIRED });
});
afterEach(() => host[Symbol.dispose]());

function source(name: string, ...keys: readonly SigningKey[]): KeySource {
  return { source: name, data: Buffer.from(keys.map((key) => key.publicKeyArmored).join('\n')) };
}

const names = (keys: readonly { fingerprint: string }[]): readonly string[] =>
  keys.map(({ fingerprint }) => fingerprint);

describe('offerKeys()', () => {
  for (const [where, order] of [
    ['first', () => [old, good]],
    ['last', () => [good, old]],
  ] as const) {
    test(`offers what can be trusted of a file, and tells of the others: ${where}`, async () => {
      const { offers, leftOut } = await offerKeys([source('k.asc', ...order())]);

      expect(offers).toMatchObject([{ source: 'k.asc', updates: [] }]);
      expect(names(offers[0]!.keys)).toEqual([good.fingerprint]);
      expect(leftOut).toMatchObject([
        { source: 'k.asc', error: { code: 'KEY_EXPIRED' }, key: { fingerprint: old.fingerprint } },
      ]);
      expect(leftOutText(leftOut[0]!)).toBe(
        `key ${old.fingerprint} from "k.asc" is left out: cannot trust key ${old.fingerprint}: it expired on 2020-01-01T00:01:00Z`,
      );
    });
  }

  test('goes on to the next file after one that holds no key', async () => {
    const junk = { source: 'junk', data: Buffer.from('junk') };
    const { offers, leftOut } = await offerKeys([junk, source('k.asc', good)]);

    expect(offers.map((offer) => offer.source)).toEqual(['k.asc']);
    expect(leftOutText(leftOut[0]!)).toMatch(
      /^keys from "junk" are left out: cannot read the public key "junk": /,
    );
  });

  test('says why nothing is left: of one key that, of several which', async () => {
    const one = await offerKeys([source('k.asc', old)]);
    expect(one.offers).toEqual([]);
    expect(nothingLeft(one.leftOut)).toBe(one.leftOut[0]?.error);

    const weak = await makeSigningKey({ name: 'Weak', kind: 'rsa1024' });
    const { leftOut } = await offerKeys([source('k.asc', old, weak)]);
    expect(nothingLeft(leftOut)).toMatchObject({
      code: 'KEY_WEAK',
      message: expect.stringMatching(
        new RegExp(`^cannot trust any of the keys: .*${old.fingerprint}.*; .*${weak.fingerprint}`),
      ),
      hint: expect.stringContaining('ask the publisher'),
    });
  });

  test('does not lose a revocation to another copy of the key, wherever that stands', async () => {
    const revoked = await signingKeyOf(good.privateKey, 'compromised');
    const other = await makeSigningKey({ name: 'Other' });

    for (const files of [
      [source('k.asc', good, revoked, other)],
      [source('k.asc', revoked, good, other)],
      [source('a.asc', good, other), source('b.asc', revoked)],
      [source('a.asc', revoked), source('b.asc', good, other)],
    ]) {
      const { offers, leftOut } = await offerKeys(files);

      expect(offers.flatMap(({ keys }) => names(keys))).toEqual([other.fingerprint]);
      expect(leftOut.map(({ error }) => error.code)).toContain('KEY_REVOKED');
    }
  });

  test('gives a key that is trusted already and revoked now for an update, not to ask about', async () => {
    const [{ keys } = { keys: [] }] = (await offerKeys([source('k.asc', good)])).offers;
    await addTrustedKey(host.roots, keys[0]!, { scope: WEB });
    const revoked = source('k.asc', await signingKeyOf(good.privateKey, 'compromised'), old);
    const place = { roots: host.roots, scope: WEB };

    const { offers, leftOut } = await offerKeys([revoked], { place });

    expect(offers).toMatchObject([
      { keys: [], updates: [{ fingerprint: good.fingerprint, revoked: true }] },
    ]);
    expect(leftOut).toMatchObject([{ key: { fingerprint: old.fingerprint } }]);

    await addTrustedKey(host.roots, offers[0]!.updates[0]!, { scope: WEB });
    const older = await offerKeys([source('k.asc', good)], { place });
    expect(older.offers).toMatchObject([{ keys: [], updates: [{ revoked: true }] }]);
  });

  test('leaves out a key whose trusted copy cannot be read', async () => {
    host.put({ scope: WEB, fingerprint: good.fingerprint, content: 'junk' });
    const other = await makeSigningKey({ name: 'Other' });

    const { offers, leftOut } = await offerKeys([source('k.asc', good, other)], {
      place: { roots: host.roots, scope: WEB },
    });

    expect(offers.flatMap(({ keys }) => names(keys))).toEqual([other.fingerprint]);
    expect(leftOut).toMatchObject([{ error: { code: 'KEY_FILE_INVALID' } }]);
  });
});

describe('isIssuer()', () => {
  test('knows the key that has signed, by itself or by a subkey', async () => {
    const withSubkey = await makeSigningKey({ name: 'Sub', subkey: {} });
    const { leftOut } = await offerKeys([source('k.asc', old)]);
    const { offers } = await offerKeys([source('k.asc', withSubkey)]);

    const { issuers } = await createVerifier(await withSubkey.sign(BODY));

    expect(isIssuer(offers[0]!.keys[0]!, issuers)).toBe(true);
    expect(isIssuer(leftOut[0]!.key!, issuers)).toBe(false);
    expect(isIssuer(leftOut[0]!.key!, [old.fingerprint.slice(-16)])).toBe(true);
  });
});
