import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Behaviour, discoveryPage, status } from '../../test/doubles/image-server.ts';
import { type FetchHost, startFetchHost } from '../../test/helpers/fetch-host.ts';

let host: FetchHost;
beforeAll(async () => {
  host = await startFetchHost();
});
beforeEach(() => host.reset());
afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const fetchApp = async () => await host.fetch('example.com/app');

describe('fetchImage() by the page of a site that', () => {
  it('names thousands of places: tries some', async () => {
    const places = Array.from({ length: 3000 }, (_, index): [string, string] => [
      'example.com/app',
      `https://example.com/none-${index % 1000}.{ext}`,
    ]);
    host.server.on('example.com/app', discoveryPage({ aci: places }));

    await expect(fetchApp()).rejects.toThrow('from any of its places');
    // Of each the signature, and then whether the image is there at all.
    expect(host.server.seen.length).toBeLessThan(2 * 16 + 2);
  });

  it.each<readonly [string, Behaviour, RegExp]>([
    ['answers 500 for its page', status(500), /the server answered 500/],
    [
      'names places of plain HTTP only',
      discoveryPage({ aci: [['example.com/app', 'http://example.com/app.{ext}']] }),
      /"http:\/\/example\.com\/app\.aci": plain HTTP is not allowed/,
    ],
  ])('%s: says so', async (_, behaviour, cause) => {
    host.server.on('example.com/app', behaviour);

    await expect(fetchApp()).rejects.toMatchObject({
      code: 'DISCOVERY_FAILED',
      cause: { message: expect.stringMatching(cause) },
    });
  });
});
