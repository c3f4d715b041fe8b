import { describe, expect, it } from 'vitest';
import { GantryError } from '#base/errors/gantry-error';
import { nullLog } from '#base/log/log';
import type { OciDigest } from '#schema/oci/digest';
import type { FetchedManifest, Referrer, Repository } from './registry-client.ts';
import { severalRepositories } from './several-repositories.ts';

const DIGEST = `sha256:${'0'.repeat(64)}` as OciDigest;
const manifestOf = (text: string): FetchedManifest => ({
  bytes: Buffer.from(text),
  digest: DIGEST,
  mediaType: undefined,
});
const gone =
  (code = 'FETCH_UNREACHABLE') =>
  async () =>
    await Promise.reject(new GantryError(code, `no answer: ${code}`));
const gives =
  <Value>(value: Value) =>
  async () =>
    await Promise.resolve(value);

const repository = (answers: Partial<Repository>): Repository => ({
  manifest: gone(),
  findManifest: gone(),
  referrers: gone(),
  read: gone(),
  blob: gone(),
  ...answers,
});
const several = (...all: readonly Partial<Repository>[]): Repository =>
  severalRepositories(
    all.map((answers, index) => ({ name: `place-${index}`, repository: repository(answers) })),
    { what: 'image "x"', log: nullLog },
  );

describe('severalRepositories()', () => {
  it('finds beside an image what only a later one has', async () => {
    const signature = manifestOf('signature');
    const found = several({ findManifest: gives(undefined) }, { findManifest: gives(signature) });
    expect(await found.findManifest('tag')).toBe(signature);

    const referrer: Referrer = { mediaType: 'a/b', digest: DIGEST, size: 1 };
    const referred = several({ referrers: gives([]) }, { referrers: gives([referrer]) });
    expect(await referred.referrers(DIGEST)).toEqual([referrer]);
  });

  it('finds nothing where one says so and the others do not answer', async () => {
    const all = several({ findManifest: gives(undefined), referrers: gives([]) }, {});
    expect(await all.findManifest('tag')).toBeUndefined();
    expect(await all.referrers(DIGEST)).toEqual([]);
    await expect(several({}, {}).findManifest('tag')).rejects.toMatchObject({
      code: 'FETCH_UNREACHABLE',
      message: expect.stringMatching(/^cannot fetch image "x" from any of its places: /) as unknown,
    });
  });

  it('stays with the one that gave the manifest', async () => {
    let asked = 0;
    const first = {
      read: async () => {
        asked += 1;
        return await Promise.resolve(Buffer.from('first'));
      },
    };
    const all = several(first, { manifest: gives(manifestOf('x')), read: gives(Buffer.from('2')) });
    await all.manifest('1');
    expect((await all.read({ mediaType: 'a/b', digest: DIGEST, size: 1 })).toString()).toBe('2');
    expect(asked).toBe(0);
  });

  it.each(['FETCH_CANCELLED', 'CERTIFICATES_INVALID', 'CREDENTIALS_INVALID'])(
    'asks nobody else after %s',
    async (code) => {
      const all = several({ manifest: gone(code) }, { manifest: gives(manifestOf('x')) });
      await expect(all.manifest('1')).rejects.toMatchObject({ code });
    },
  );
});
