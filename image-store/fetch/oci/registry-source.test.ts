import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Behaviour, breakAfter, file, status } from '../../../test/doubles/image-server.ts';
import { type FetchHost, startFetchHost } from '../../../test/helpers/fetch-host.ts';
import { tarOf } from '../../../test/helpers/hostile-tar.ts';
import { BASE_LAYER, TOP_LAYER } from '../../../test/helpers/oci-host.ts';
import {
  type LayoutImage,
  makeLayout,
  type TestLayout,
  type WrittenImage,
} from '../../../test/helpers/oci-layout.ts';
import { serveImage } from '../../../test/helpers/served-image.ts';

const PLACE = 'example.com/v2/team/app';
const IMAGE = 'docker://example.com/team/app:1';

let host: FetchHost;
let layout: TestLayout;
beforeAll(async () => {
  host = await startFetchHost();
  layout = makeLayout(join(host.dir, 'layout'));
});
beforeEach(() => host.reset());
afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const serve = (image: LayoutImage, without: readonly string[] = []): WrittenImage => {
  const written = layout.image(image);
  serveImage(host.server, { layout, written }, { place: PLACE, without });
  return written;
};
const fetch = async (text = IMAGE) => await host.fetch(text, { insecure: { image: true } });
const digestsOf = ({ manifest }: WrittenImage): readonly string[] =>
  manifest.layers.map(({ digest }) => digest);
const read = (digest: string): Buffer => readFileSync(layout.blobPath(digest));

describe('layers of an image in a registry', () => {
  it('are brought several at a time, but not all of many', async () => {
    const layers = Array.from({ length: 12 }, (_, at) => tarOf({ path: `${at}`, body: `${at}` }));
    const waiting: (() => void)[] = [];
    let most = 0;
    for (const digest of digestsOf(serve({ layers }))) {
      const send = file(read(digest));
      host.server.on(`${PLACE}/blobs/${digest}`, (request, response) => {
        most = Math.max(
          most,
          waiting.push(() => send(request, response)),
        );
        // Time for one that must not come.
        if (waiting.length === 6) {
          setTimeout(() => {
            for (const answer of waiting.splice(0)) answer();
          }, 50);
        }
      });
    }
    // Layers are unpacked meanwhile, which takes as long as it takes.
    await host.fetch(IMAGE, { insecure: { image: true }, http: { ...host.http, timeouts: {} } });
    expect(most).toBe(6);
  });

  it('go on where the connection broke, of a registry that names no version too', async () => {
    const written = serve({ layers: [BASE_LAYER], packing: 'plain' });
    const [digest = ''] = digestsOf(written);
    const blob = read(digest);
    host.server.on(`${PLACE}/blobs/${digest}`, breakAfter(blob, 700), file(blob));
    const { key } = await fetch();
    expect(host.server.seen.at(-1)?.headers).toMatchObject({ range: 'bytes=700-' });
    expect(host.server.seen.at(-1)?.headers['if-range']).toBeUndefined();
    await host.store.verifyBlobs(key);
  });

  it.each<[string, (blob: Buffer) => Behaviour]>([
    ['all of it', (blob) => file(blob, { ranges: false })],
    ['other bytes', (blob) => file(Buffer.alloc(blob.length))],
    ['nothing any more', () => status(404)],
  ])('are what their digests say when a registry then gives %s', async (what, then) => {
    const [digest = ''] = digestsOf(serve({ layers: [BASE_LAYER], packing: 'plain' }));
    const blob = read(digest);
    host.server.on(`${PLACE}/blobs/${digest}`, breakAfter(blob, 700), then(blob));
    if (what === 'all of it') await fetch();
    else await expect(fetch()).rejects.toThrow();
    expect(host.store.list()).toHaveLength(what === 'all of it' ? 1 : 0);
  });

  it('may have digests of 512 bits', async () => {
    const written = serve({ layers: [BASE_LAYER, TOP_LAYER], algorithm: 'sha512' });
    const { key } = await fetch(`docker://example.com/team/app@${written.descriptor.digest}`);
    expect(host.store.record(key)?.oci?.manifest).toBe(written.descriptor.digest);
    await host.store.verifyBlobs(key);
  });

  it('that are foreign come from where the manifest says, of several places the first that has it', async () => {
    const urls = ['nowhere', 'https://example.org/none', 'https://example.org/layer'];
    const layers = [BASE_LAYER, TOP_LAYER];
    const patchManifest: LayoutImage['patchManifest'] = ({ layers: [first] }) => {
      if (first !== undefined) Object.assign(first, { mediaType: FOREIGN, urls });
    };
    const [digest = ''] = digestsOf(layout.image({ layers }));
    serve({ layers, patchManifest }, [digest]);
    host.server.on('example.org/layer', file(read(digest)));
    await host.store.verifyBlobs((await fetch()).key);

    host.reset();
    serve({ layers, patchManifest }, [digest]);
    await expect(fetch()).rejects.toThrow(/layer sha256:.* from any of its places: .*none.*layer/);
    host.server.on('example.org/layer', file(Buffer.alloc(10)));
    await expect(fetch()).rejects.toMatchObject({
      code: expect.stringMatching(/^IMAGE_|ARCHIVE/) as unknown,
    });
    expect(host.store.list()).toEqual([]);
  });
});

const FOREIGN = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';

describe('a manifest of a registry', () => {
  it.each([
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
    'application/vnd.docker.distribution.manifest.v1+json',
    'text/plain',
  ])('of the form of schema 1, handed out as %s, is refused in words', async (type) => {
    const manifest = { schemaVersion: 1, name: 'team/app', tag: '1', fsLayers: [], history: [] };
    const headers = { 'content-type': type };
    host.server.on(`${PLACE}/manifests/1`, file(JSON.stringify(manifest), { headers }));
    await expect(fetch()).rejects.toMatchObject({
      code: 'IMAGE_MANIFEST_UNSUPPORTED',
      message: expect.stringContaining('schema 1') as unknown,
      hint: expect.stringContaining('push the image again') as unknown,
    });
  });
});
