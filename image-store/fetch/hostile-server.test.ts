import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type Behaviour,
  breakAfter,
  file,
  raw,
  redirect,
  silence,
  stallAfter,
  status,
} from '../../test/doubles/image-server.ts';
import { type FetchHost, type Published, startFetchHost } from '../../test/helpers/fetch-host.ts';
import { tinyAci } from '../../test/helpers/tiny-aci.ts';

let host: FetchHost;
let served: Published;
beforeAll(async () => {
  host = await startFetchHost();
});
beforeEach(async () => {
  host.reset();
  served = await host.publish({
    name: 'example.com/app',
    files: { data: randomBytes(300_000) },
  });
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const fetchApp = async (http: Partial<FetchHost['http']> = {}) =>
  await host.fetch('example.com/app', { http: { ...host.http, ...http } });

/** Fetches, expects a refusal with this code, and that nothing is left of it. */
async function refused(code: string, http: Partial<FetchHost['http']> = {}): Promise<void> {
  await expect(fetchApp(http)).rejects.toMatchObject({ code });

  expect(host.store.list()).toEqual([]);
  expect(readdirSync(join(host.store.dir, 'tmp'))).toEqual([]);
}

const IMPATIENT = { timeouts: { connect: 2000, answer: 100, stall: 100 } };

describe('fetchImage() from a server that', () => {
  it('never answers: gives up in time', async () => {
    host.server.on(served.path, silence);

    await refused('FETCH_STALLED', IMPATIENT);
    expect(host.server.count(served.path)).toBe(3);
  });

  it('stalls in the middle for good: gives up in time', async () => {
    const stall: Behaviour = (request, response) => {
      const start = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      const range = `bytes ${start}-${served.data.length - 1}/${served.data.length}`;
      response.writeHead(start === 0 ? 200 : 206, {
        etag: '"1"',
        'content-length': served.data.length - start,
        ...(start === 0 ? {} : { 'content-range': range }),
      });
      response.write(served.data.subarray(start, start + 1000));
    };
    host.server.on(served.path, stall);

    await refused('FETCH_STALLED', IMPATIENT);
    expect(host.server.count(served.path)).toBe(3);
  });

  it('sends a byte now and then: gives up in time', async () => {
    host.server.on(served.path, (_request, response) => {
      response.writeHead(200, { 'content-length': served.data.length });
      const timer = setInterval(() => response.write('x'), 30);
      response.on('close', () => clearInterval(timer));
    });

    await refused('FETCH_STALLED', IMPATIENT);
  });

  it('sends a byte when the time is up: gives up, without a word of Node', async () => {
    const spoken: string[] = [];
    const note = ({ message }: Error): void => void spoken.push(message);
    process.on('warning', note);
    onTestFinished(() => {
      process.off('warning', note);
      vi.restoreAllMocks();
    });
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 60));
    host.server.on(served.path, (_request, response) => {
      response.writeHead(200, { 'content-length': served.data.length });
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });

    await refused('FETCH_STALLED', IMPATIENT);
    expect(spoken).toEqual([]);
  });

  it('stalls in the middle and names no version: begins anew, then says that it is too slow', async () => {
    host.server.on(served.path, stallAfter(served.data, 5000));

    await expect(fetchApp(IMPATIENT)).rejects.toMatchObject({
      code: 'FETCH_STALLED',
      message: expect.stringContaining('bytes came in 0.1 s'),
      hint: expect.stringContaining('"server-seconds"'),
    });
    expect(host.server.count(served.path)).toBe(3);
    expect(host.talk.filter((line) => line.startsWith('fetching anew: '))).toEqual([
      expect.stringMatching(/name a version to go on with: cannot fetch ".*": too slow/),
      expect.stringMatching(/name a version to go on with: cannot fetch ".*": too slow/),
    ]);
  });

  it('stalls in the middle once: goes on there', async () => {
    const options = { etag: '"1"' };
    host.server.on(served.path, stallAfter(served.data, 5000, options), file(served.data, options));

    expect(await fetchApp(IMPATIENT)).toMatchObject({ fetched: true });
    expect(host.server.seen.at(-1)?.headers).toMatchObject({
      range: 'bytes=5000-',
      'if-range': '"1"',
    });
  });

  it('breaks the connection: goes on there with the rest', async () => {
    const options = { etag: '"1"' };
    host.server.on(
      served.path,
      breakAfter(served.data, 100_000, options),
      file(served.data, options),
    );

    await fetchApp();

    expect(host.server.seen.at(-1)?.headers.range).toBe('bytes=100000-');
    expect(host.progress.at(-1)).toMatchObject({
      finished: true,
      done: served.data.length,
      total: served.data.length,
    });
  });

  it('breaks the connection and has no ETag: goes on by the time of change', async () => {
    const lastModified = 'Sun, 22 Nov 2026 00:00:00 GMT';
    host.server.on(
      served.path,
      breakAfter(served.data, 100_000, { lastModified }),
      file(served.data, { lastModified }),
    );

    await fetchApp();

    expect(host.server.seen.at(-1)?.headers['if-range']).toBe(lastModified);
  });

  it('breaks the connection and gives no parts: leaves out what is there already', async () => {
    const options = { etag: '"1"', ranges: false };
    host.server.on(
      served.path,
      breakAfter(served.data, 100_000, options),
      file(served.data, options),
    );

    expect(await fetchApp()).toMatchObject({ fetched: true });
  });

  it('breaks the connection and has another file then: begins anew', async () => {
    const older = gzipSync(
      tinyAci({ name: 'example.com/app', files: { a: randomBytes(300_000) } }),
    );
    host.server.on(
      served.path,
      breakAfter(older, 100_000, { etag: '"1"' }),
      file(served.data, { etag: '"2"' }),
    );

    expect(await fetchApp()).toMatchObject({ fetched: true });
    expect(host.server.seen.at(-1)?.headers.range).toBeUndefined();
  });

  it('breaks the connection and names no version: begins anew, not for ever', async () => {
    host.server.on(served.path, breakAfter(served.data, 100_000));

    await refused('FETCH_BROKEN');
    expect(host.server.count(served.path)).toBe(3);
  });

  it('breaks the connection time and again: gives up', async () => {
    host.server.on(served.path, breakAfter(served.data, 100_000, { etag: '"1"' }));

    await refused('FETCH_BROKEN');
  });

  it.each([
    ['another start', (size: number) => `bytes 5-${size - 1}/${size}`],
    ['another length', (size: number) => `bytes 100000-${size - 1}/${size + 7}`],
    ['no range', () => ''],
  ])('lies about the part it sends, %s: is noticed', async (_, range) => {
    const part: Behaviour = (_request, response) => {
      const size = served.data.length;
      response.writeHead(206, { etag: '"1"', 'content-range': range(size) });
      response.end(served.data.subarray(100_000));
    };
    host.server.on(served.path, breakAfter(served.data, 100_000, { etag: '"1"' }), part);

    await refused('FETCH_WRONG_PART');
  });

  it('gives a few bytes at a time whatever it is asked for: gives up in the end', async () => {
    host.server.on(
      served.path,
      breakAfter(served.data, 100_000, { etag: '"1"' }),
      (request, response) => {
        const start = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
        const range = `bytes ${start}-${start + 9}/${served.data.length}`;
        response.writeHead(206, { etag: '"1"', 'content-range': range });
        response.end(served.data.subarray(start, start + 10));
      },
    );

    await refused('FETCH_BROKEN');
    expect(host.server.count(served.path)).toBe(3);
    expect(host.progress.at(-1)).toMatchObject({ finished: true, failed: true });
  });

  it('sends the wrong bytes under the right range: the signature tells', async () => {
    const size = served.data.length;
    const part: Behaviour = (_request, response) => {
      response.writeHead(206, { etag: '"1"', 'content-range': `bytes 100000-${size - 1}/${size}` });
      response.end(Buffer.concat([served.data.subarray(100_000, -8), randomBytes(8)]));
    };
    host.server.on(served.path, breakAfter(served.data, 100_000, { etag: '"1"' }), part);

    await expect(fetchApp()).rejects.toMatchObject({
      code: expect.stringMatching(/^(ARCHIVE_CORRUPT|SIGNATURE_INVALID)$/),
    });
  });

  it('redirects for ever: gives up', async () => {
    host.server.on(served.path, redirect(`https://example.com${served.path}`));

    await refused('FETCH_REDIRECT');
    expect(host.server.count(served.path)).toBe(11);
  });

  it.each(['file:///etc/passwd', 'gopher://x/', '', 'https://'])(
    'redirects to "%s": is refused',
    async (target) => {
      host.server.on(served.path, redirect(target));

      await refused('FETCH_REDIRECT');
    },
  );

  it('redirects to plain HTTP: is refused', async () => {
    host.server.on(served.path, redirect(`http://example.com${served.path}`));

    await refused('FETCH_INSECURE');
    await expect(fetchApp()).rejects.toThrow(
      `(redirected from "https://example.com${served.path}")`,
    );
  });

  it('redirects to an endless address: is refused, in a few words', async () => {
    host.server.on(served.path, redirect(`/${'x'.repeat(9000)}`));

    await refused('FETCH_REDIRECT');
    await expect(fetchApp()).rejects.toThrow(/^.{1,500}$/s);
  });

  it('sends chunks that are none: says so', async () => {
    host.server.on(
      served.path,
      raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n'),
    );

    await refused('FETCH_REFUSED');
  });

  it('answers 500: tries again, not for ever', async () => {
    host.server.on(served.path, status(500));

    await refused('FETCH_BUSY');
    expect(host.server.count(served.path)).toBe(3);
  });

  it('answers 503 and 429, then the file: fetches it', async () => {
    host.server.on(
      served.path,
      status(503),
      status(429, { 'retry-after': '0' }),
      file(served.data),
    );

    expect(await fetchApp()).toMatchObject({ fetched: true });
  });

  it('sends less than announced: is refused', async () => {
    const head = `HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: ${served.data.length + 1}\r\n\r\n`;
    host.server.on(served.path, (_request, response) => {
      response.socket?.write(head);
      response.socket?.end(served.data);
    });

    await refused('FETCH_BROKEN');
  });

  it('sends more than announced: is refused', async () => {
    host.server.on(served.path, (_request, response) => {
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${served.data.length}\r\n\r\n`;
      response.socket?.end(Buffer.concat([Buffer.from(head), served.data, Buffer.from('more')]));
    });

    await refused('FETCH_OVERRUN');
  });

  it('answers what is not HTTP: is refused', async () => {
    host.server.on(served.path, raw('SSH-2.0-OpenSSH_9.2\r\n'));

    await refused('FETCH_REFUSED');
  });

  it.each([
    [401, 'FETCH_DENIED'],
    [403, 'FETCH_DENIED'],
    [404, 'FETCH_NOT_FOUND'],
    [206, 'FETCH_REFUSED'],
    [204, 'FETCH_REFUSED'],
    [304, 'FETCH_REFUSED'],
    [418, 'FETCH_REFUSED'],
  ])('answers %d: is refused with %s, at once', async (code, expected) => {
    host.server.on(served.path, status(code));

    await refused(expected);
    expect(host.server.count(served.path)).toBe(1);
  });

  it('announces too much: is refused before anything is read', async () => {
    const limits = { maxImageBytes: served.data.length - 1 };

    await expect(host.fetch('example.com/app', { limits })).rejects.toMatchObject({
      code: 'FETCH_TOO_LARGE',
    });
  });

  it('sends too much without announcing it: is refused', async () => {
    host.server.on(served.path, (_request, response) => {
      response.writeHead(200);
      response.end(served.data);
    });
    const limits = { maxImageBytes: served.data.length - 1 };

    await expect(host.fetch('example.com/app', { limits })).rejects.toMatchObject({
      code: 'FETCH_TOO_LARGE',
    });
  });

  it('packs more than the limit into little: is refused', async () => {
    await host.publish({ name: 'example.com/app', files: { zeros: Buffer.alloc(5_000_000) } });
    const limits = { archive: { maxBytes: 1_000_000 } };

    await expect(host.fetch('example.com/app', { limits })).rejects.toMatchObject({
      code: expect.stringMatching(/TOO_(LARGE|BIG)$/),
    });
    expect(host.store.list()).toEqual([]);
  });

  it('sends a signature without end: is refused', async () => {
    host.server.on(`${served.path}.asc`, file(Buffer.alloc(2_000_000)));

    await refused('FETCH_TOO_LARGE');
  });

  it('has a page without end: reads its beginning', async () => {
    const head = `<meta name=ac-discovery content="example.com https://example.com${served.path.replace(/aci$/, '{ext}')}">`;
    host.server.on('example.com/app', (_request, response) => {
      response.writeHead(200);
      response.write(head);
      const more = (): void => {
        if (!response.destroyed) response.write('x'.repeat(65_536), () => setImmediate(more));
      };
      more();
    });

    expect(await fetchApp()).toMatchObject({ fetched: true });
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
    const data = spoil(served.data);
    host.server.on(served.path, file(data));
    host.server.on(`${served.path}.asc`, file(await host.key.sign(data)));

    await refused(code);
  });

  it('sends another image than the signed one: is refused', async () => {
    host.server.on(served.path, file(gzipSync(tinyAci({ name: 'example.com/app' }))));

    await refused('SIGNATURE_INVALID');
  });
});
