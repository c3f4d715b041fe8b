import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '#base/errors/gantry-error';
import { type Log, nullLog } from '#base/log/log';
import { parseAcIdentifier } from '#schema/types/names';
import { createVerifier, discoverKeys, downloadKeys, type KeyQuestion } from '#image-store';
import { discoveryPage, file, status } from '../../test/doubles/image-server.ts';
import { type FetchHost, startFetchHost } from '../../test/helpers/fetch-host.ts';
import { makeSigningKey, type SigningKey, signingKeyOf } from '../../test/helpers/signing.ts';

let host: FetchHost;
let key: SigningKey;
beforeAll(async () => {
  host = await startFetchHost();
  key = await makeSigningKey({ name: 'newcomer' });
});
beforeEach(() => host.reset());
afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

/** An image by a key that its site names and nobody has trusted yet. */
async function publishWithKey(name: string, keyUrl: string): Promise<void> {
  const { path } = await host.publish({ name }, { key });
  host.server.on(
    name,
    discoveryPage({
      aci: [[name, `https://example.com${path.replace(/aci$/, '{ext}')}`]],
      keys: [
        ['example.com/elsewhere', 'https://example.com/wrong'],
        [name, keyUrl],
      ],
    }),
  );
  host.server.on('/key', file(key.publicKeyArmored));
}

/** Of keys that lived for a minute. */
const SHORT = { lifetimeSeconds: 60 };

/** Lets the page of a name say where keys are; where its images are, as before. */
function nameKeys(name: string, places: readonly string[]): void {
  host.server.on(
    name,
    discoveryPage({
      aci: [[name, `https://example.com/${name.replaceAll('/', '-')}.{ext}`]],
      keys: places.map((place) => [name, `https://example.com${place}`]),
    }),
  );
}

describe('fetchImage() with a key that is not trusted yet', () => {
  it('asks whether to trust the one that the site names, for that image', async () => {
    const name = 'example.com/asked';
    await publishWithKey(name, 'https://example.com/key');
    const questions: KeyQuestion[] = [];
    const acceptKey = async (question: KeyQuestion): Promise<boolean> => {
      questions.push(question);
      return true;
    };

    const outcome = await host.fetch(name, { acceptKey });

    expect(questions).toMatchObject([
      { prefix: name, url: 'https://example.com/key', keys: [{ fingerprint: key.fingerprint }] },
    ]);
    expect(host.store.record(outcome.key)?.accepted).toMatchObject({
      fingerprint: key.fingerprint,
      prefix: name,
    });
  });

  it('refuses when the answer is no', async () => {
    await publishWithKey('example.com/no', 'https://example.com/key');

    await expect(
      host.fetch('example.com/no', { acceptKey: async () => false }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^KEY_(UNKNOWN|WRONG_SCOPE)$/) });
  });

  it('refuses, and asks no server for keys, when there is nobody to ask', async () => {
    await publishWithKey('example.com/nobody', 'https://example.com/key');

    await expect(host.fetch('example.com/nobody')).rejects.toMatchObject({
      code: expect.stringMatching(/^KEY_/),
    });
    expect(host.server.count('/key')).toBe(0);
  });

  it('trusts what came over HTTPS without asking when it is told to', async () => {
    await publishWithKey('example.com/https', 'https://example.com/key');

    expect(await host.fetch('example.com/https', { trustKeysFromHttps: true })).toMatchObject({
      fetched: true,
    });
  });

  it('takes no key over plain HTTP, unless that is allowed, and then asks', async () => {
    const name = 'example.com/plain';
    await publishWithKey(name, 'http://example.com/key');
    const wish = { trustKeysFromHttps: true, insecure: { http: true } };

    await expect(host.fetch(name, wish)).rejects.toMatchObject({
      code: expect.stringMatching(/^KEY_/),
    });
    await expect(host.fetch(name, { ...wish, insecure: { pubkey: true } })).rejects.toMatchObject({
      code: expect.stringMatching(/^KEY_/),
    });
    await host.fetch(name, { insecure: { pubkey: true }, acceptKey: async () => true });

    expect(host.warnings).toContainEqual(expect.stringContaining('over plain HTTP'));
  });

  it('asks for the key of an image by URL under the name that the image has', async () => {
    const name = 'example.com/url';
    await publishWithKey(name, 'https://example.com/key');
    const prefixes: string[] = [];

    await host.fetch(`${host.server.origin}/example.com-url.aci`, {
      acceptKey: async ({ prefix }) => {
        prefixes.push(prefix);
        return true;
      },
    });

    expect(prefixes).toEqual([name]);
  });

  it('takes the keys that it can get of several that the site names, and tells of the others', async () => {
    const name = 'example.com/several';
    await publishWithKey(name, 'https://example.com/gone');
    nameKeys(name, ['/gone', '/key', '/broken']);
    host.server.on('/gone', status(404));
    host.server.on('/broken', status(403));

    await host.fetch(name, { trustKeysFromHttps: true });

    expect(host.warnings).toEqual([
      expect.stringMatching(/^keys of "example.com\/several" are left out: .*gone": .* 404$/),
      expect.stringMatching(/^keys of "example.com\/several" are left out: .*broken": .* 403$/),
    ]);
  });

  describe('whose file holds a key that is no good before the good one', () => {
    const name = 'example.com/rotated';
    let expired: SigningKey;
    beforeEach(async () => {
      rmSync(join(host.trusted.roots.localDir, 'prefix.d', name), { recursive: true, force: true });
      expired = await makeSigningKey({ name: 'old', created: new Date('2020-01-01'), ...SHORT });
      await publishWithKey(name, 'https://example.com/key');
      host.server.on('/key', file(`${expired.publicKeyArmored}\n${key.publicKeyArmored}`));
    });

    it('takes the good one and tells of the other', async () => {
      await host.fetch(name, { trustKeysFromHttps: true });

      expect(host.warnings).toEqual([
        expect.stringMatching(
          new RegExp(
            `^key ${expired.fingerprint} from "https://example.com/key" is left out: .*expired`,
          ),
        ),
      ]);
    });

    it('asks about the good one only', async () => {
      const shown: string[] = [];
      const acceptKey = async ({ keys }: KeyQuestion): Promise<boolean> => {
        shown.push(...keys.map(({ fingerprint }) => fingerprint));
        return await Promise.resolve(true);
      };
      await host.fetch(name, { acceptKey });

      expect(shown).toEqual([key.fingerprint]);
    });

    it('goes on to the next file after one without any that is good', async () => {
      nameKeys(name, ['/expired', '/junk', '/key']);
      host.server.on('/expired', file(expired.publicKeyArmored));
      host.server.on('/junk', file('<html>'));
      host.server.on('/key', file(key.publicKeyArmored));

      await host.fetch(name, { trustKeysFromHttps: true });

      expect(host.warnings).toHaveLength(2);
    });

    it('says what is wrong with the key that signed, asking nobody', async () => {
      const other = await makeSigningKey({ name: 'other' });
      const questions: KeyQuestion[] = [];
      const acceptKey = async (question: KeyQuestion): Promise<boolean> => {
        questions.push(question);
        return await Promise.resolve(true);
      };
      const at = new Date('2020-01-01T00:00:30Z');
      const signature = await expired.sign(Buffer.from('anything'), { at });
      host.server.on('/example.com-rotated.aci.asc', file(signature));

      host.server.on('/key', file(expired.publicKeyArmored));
      await expect(host.fetch(name, { acceptKey })).rejects.toMatchObject({ code: 'KEY_EXPIRED' });
      expect(questions).toEqual([]);

      host.server.on('/key', file(`${expired.publicKeyArmored}\n${other.publicKeyArmored}`));
      await expect(host.fetch(name, { acceptKey })).rejects.toMatchObject({ code: 'KEY_EXPIRED' });
      expect(questions).toHaveLength(1);
    });
  });

  describe('whose site revokes another that is trusted for it', () => {
    const name = 'example.com/revoking';
    let before: SigningKey;
    beforeEach(async () => {
      before = await makeSigningKey({ name: 'before' });
      const { fingerprint, publicKeyArmored: content } = before;
      rmSync(join(host.trusted.roots.localDir, 'prefix.d', name), { recursive: true, force: true });
      host.trusted.put({ scope: name, fingerprint, content });
      const revoked = await signingKeyOf(before.privateKey, 'compromised');
      await publishWithKey(name, 'https://example.com/key');
      host.server.on('/revoked', file(revoked.publicKeyArmored));
    });

    /** @returns what was asked about */
    async function fetchAsked(answer: () => boolean): Promise<readonly string[]> {
      const shown: string[] = [];
      const acceptKey = async ({ keys }: KeyQuestion): Promise<boolean> => {
        shown.push(...keys.map(({ fingerprint }) => fingerprint));
        return await Promise.resolve(answer());
      };
      await host.fetch(name, { acceptKey }).catch(() => undefined);

      return shown;
    }

    it.each<[string, readonly string[], () => boolean]>([
      ['a yes to the new one', ['/revoked', '/key'], () => true],
      ['a no to it', ['/revoked', '/key'], () => false],
      [
        'nobody there to answer',
        ['/key', '/revoked'],
        () => {
          throw new GantryError('KEY_REVIEW_NEEDED', 'cannot trust the key: nobody is there');
        },
      ],
    ])('takes the revocation over without a question, with %s', async (_what, places, answer) => {
      nameKeys(name, places);

      expect(await fetchAsked(answer)).toEqual([key.fingerprint]);

      const refused = await createVerifier(await before.sign(Buffer.from('anything')));
      await expect(
        refused.checkIssuers(host.trusted.trust, parseAcIdentifier(name)),
      ).rejects.toMatchObject({ code: 'KEY_REVOKED' });
      expect(host.warnings).toEqual([
        expect.stringMatching(new RegExp(`${before.fingerprint}.* revoked`)),
      ]);
    });
  });

  it('says that the key is not trusted when its site cannot be asked', async () => {
    await publishWithKey('example.com/silent', 'https://example.com/gone');
    host.server.on('/gone', status(404));

    await expect(
      host.fetch('example.com/silent', { acceptKey: async () => true }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^KEY_/) });
  });
});

describe('discoverKeys()', () => {
  const options = () => ({ log: nullLog, http: host.http });

  it('finds the keys of a prefix on the page of a parent', async () => {
    host.server.on(
      'example.com',
      discoveryPage({ keys: [['example.com', 'https://example.com/key']] }),
    );
    host.server.on('/key', file(key.publicKeyArmored));

    const found = await discoverKeys(parseAcIdentifier('example.com/a/b'), options());

    expect(found.map(({ url, prefix }) => [prefix, url])).toEqual([
      ['example.com/a/b', 'https://example.com/key'],
    ]);
  });

  it('finds those that can be had, in the order in which they are named', async () => {
    const warnings: string[] = [];
    const log: Log = { ...nullLog, warning: (text) => void warnings.push(text) };
    nameKeys('example.com', ['/gone', '/second', '/first']);
    host.server.on('/second', file('two'));
    host.server.on('/first', file('one'));

    const found = await discoverKeys(parseAcIdentifier('example.com'), { ...options(), log });

    expect(found.map(({ data }) => Buffer.from(data).toString())).toEqual(['two', 'one']);
    expect(warnings).toEqual([expect.stringMatching(/gone": the server answered 404$/)]);
  });

  it('says why none can be had', async () => {
    nameKeys('example.com', ['/gone', '/away']);

    await expect(discoverKeys(parseAcIdentifier('example.com'), options())).rejects.toMatchObject({
      code: 'FETCH_NOT_FOUND',
      message: expect.stringMatching(/^cannot fetch keys of "example.com" from any .*gone.*away/),
    });
  });

  it('says so when there are none', async () => {
    host.server.on('example.com', discoveryPage({}));

    await expect(discoverKeys(parseAcIdentifier('example.com'), options())).rejects.toMatchObject({
      code: 'DISCOVERY_FAILED',
    });
  });
});

describe('downloadKeys()', () => {
  it('reads a key file, over plain HTTP with leave only', async () => {
    host.server.on('/key', file(key.publicKeyArmored));
    const url = new URL(`${host.server.plainOrigin}/key`);
    const options = { log: nullLog, http: host.http };

    await expect(downloadKeys(url, options)).rejects.toMatchObject({ code: 'FETCH_INSECURE' });
    const { data } = await downloadKeys(url, { ...options, insecure: { http: true, tls: false } });

    expect(Buffer.from(data).toString()).toBe(key.publicKeyArmored);
  });
});
