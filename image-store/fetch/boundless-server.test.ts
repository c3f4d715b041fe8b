import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { file } from '../../test/doubles/image-server.ts';
import { useServedApp } from '../../test/helpers/served-app.ts';
import { tinyAci } from '../../test/helpers/tiny-aci.ts';

const app = useServedApp();

describe('fetchImage() from a server that', () => {
  it('announces too much: is refused before anything is read', async () => {
    const limits = { maxImageBytes: app.published.data.length - 1 };

    await expect(app.host.fetch('example.com/app', { limits })).rejects.toMatchObject({
      code: 'FETCH_TOO_LARGE',
    });
  });

  it('sends too much without announcing it: is refused', async () => {
    app.host.server.on(app.published.path, (_request, response) => {
      response.writeHead(200);
      response.end(app.published.data);
    });
    const limits = { maxImageBytes: app.published.data.length - 1 };

    await expect(app.host.fetch('example.com/app', { limits })).rejects.toMatchObject({
      code: 'FETCH_TOO_LARGE',
    });
  });

  it('packs more than the limit into little: is refused', async () => {
    await app.host.publish({ name: 'example.com/app', files: { zeros: Buffer.alloc(5_000_000) } });
    const limits = { archive: { maxBytes: 1_000_000 } };

    await expect(app.host.fetch('example.com/app', { limits })).rejects.toMatchObject({
      code: expect.stringMatching(/TOO_(LARGE|BIG)$/),
    });
    expect(app.host.store.list()).toEqual([]);
  });

  it('sends a signature without end: is refused', async () => {
    app.host.server.on(`${app.published.path}.asc`, file(Buffer.alloc(2_000_000)));

    await app.refused('FETCH_TOO_LARGE');
  });

  it('has a page without end: reads its beginning', async () => {
    const head = `<meta name=ac-discovery content="example.com https://example.com${app.published.path.replace(/aci$/, '{ext}')}">`;
    app.host.server.on('example.com/app', (_request, response) => {
      response.writeHead(200);
      response.write(head);
      const more = (): void => {
        if (!response.destroyed) response.write('x'.repeat(65_536), () => setImmediate(more));
      };
      more();
    });

    expect(await app.fetch()).toMatchObject({ fetched: true });
  });

  it.each([
    ['a truncated archive', (data: Buffer) => data.subarray(0, -1000), 'ARCHIVE_TRUNCATED'],
    [
      'a damaged archive',
      (data: Buffer) =>
        Buffer.concat([data.subarray(0, 2000), Buffer.alloc(100), data.subarray(2100)]),
      'ARCHIVE_CORRUPT',
    ],
    [
      'an archive and something behind it',
      (data: Buffer) => Buffer.concat([data, Buffer.from('garbage')]),
      'ARCHIVE_TRAILING_GARBAGE',
    ],
    ['a web page', () => Buffer.from('<!doctype html><p>404'), 'ARCHIVE_UNKNOWN'],
    ['nothing', () => Buffer.alloc(0), 'ARCHIVE_UNKNOWN'],
  ])('sends %s, even signed: is refused', async (_, spoil, code) => {
    const data = spoil(app.published.data);
    app.host.server.on(app.published.path, file(data));
    app.host.server.on(`${app.published.path}.asc`, file(await app.host.key.sign(data)));

    await app.refused(code);
  });

  it('sends another image than the signed one: is refused', async () => {
    app.host.server.on(app.published.path, file(gzipSync(tinyAci({ name: 'example.com/app' }))));

    await app.refused('SIGNATURE_INVALID');
  });
});
