import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
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
import { useServedApp } from '../../test/helpers/served-app.ts';
import { tinyAci } from '../../test/helpers/tiny-aci.ts';

const app = useServedApp();

const IMPATIENT = { timeouts: { connect: 2000, answer: 100, stall: 100 } };

describe('fetchImage() from a server that', () => {
  it('never answers: gives up in time', async () => {
    app.host.server.on(app.published.path, silence);

    await app.refused('FETCH_STALLED', IMPATIENT);
    expect(app.host.server.count(app.published.path)).toBe(3);
  });

  it('stalls in the middle for good: gives up in time', async () => {
    const stall: Behaviour = (request, response) => {
      const start = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      const range = `bytes ${start}-${app.published.data.length - 1}/${app.published.data.length}`;
      response.writeHead(start === 0 ? 200 : 206, {
        etag: '"1"',
        'content-length': app.published.data.length - start,
        ...(start === 0 ? {} : { 'content-range': range }),
      });
      response.write(app.published.data.subarray(start, start + 1000));
    };
    app.host.server.on(app.published.path, stall);

    await app.refused('FETCH_STALLED', IMPATIENT);
    expect(app.host.server.count(app.published.path)).toBe(3);
  });

  it('sends a byte now and then: gives up in time', async () => {
    app.host.server.on(app.published.path, (_request, response) => {
      response.writeHead(200, { 'content-length': app.published.data.length });
      const timer = setInterval(() => response.write('x'), 30);
      response.on('close', () => clearInterval(timer));
    });

    await app.refused('FETCH_STALLED', IMPATIENT);
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
    app.host.server.on(app.published.path, (_request, response) => {
      response.writeHead(200, { 'content-length': app.published.data.length });
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });

    await app.refused('FETCH_STALLED', IMPATIENT);
    expect(spoken).toEqual([]);
  });

  it('stalls in the middle and names no version: begins anew, then says that it is too slow', async () => {
    app.host.server.on(app.published.path, stallAfter(app.published.data, 5000));

    await expect(app.fetch(IMPATIENT)).rejects.toMatchObject({
      code: 'FETCH_STALLED',
      message: expect.stringContaining('bytes came in 0.1 s'),
      hint: expect.stringContaining('"server-seconds"'),
    });
    expect(app.host.server.count(app.published.path)).toBe(3);
    expect(app.host.talk.filter((line) => line.startsWith('fetching anew: '))).toEqual([
      expect.stringMatching(/name a version to go on with: cannot fetch ".*": too slow/),
      expect.stringMatching(/name a version to go on with: cannot fetch ".*": too slow/),
    ]);
  });

  it('stalls in the middle once: goes on there', async () => {
    const options = { etag: '"1"' };
    app.host.server.on(
      app.published.path,
      stallAfter(app.published.data, 5000, options),
      file(app.published.data, options),
    );

    expect(await app.fetch(IMPATIENT)).toMatchObject({ fetched: true });
    expect(app.host.server.seen.at(-1)?.headers).toMatchObject({
      range: 'bytes=5000-',
      'if-range': '"1"',
    });
  });

  it('breaks the connection: goes on there with the rest', async () => {
    const options = { etag: '"1"' };
    app.host.server.on(
      app.published.path,
      breakAfter(app.published.data, 100_000, options),
      file(app.published.data, options),
    );

    await app.fetch();

    expect(app.host.server.seen.at(-1)?.headers.range).toBe('bytes=100000-');
    expect(app.host.progress.at(-1)).toMatchObject({
      finished: true,
      done: app.published.data.length,
      total: app.published.data.length,
    });
  });

  it('breaks the connection and has no ETag: goes on by the time of change', async () => {
    const lastModified = 'Sun, 22 Nov 2026 00:00:00 GMT';
    app.host.server.on(
      app.published.path,
      breakAfter(app.published.data, 100_000, { lastModified }),
      file(app.published.data, { lastModified }),
    );

    await app.fetch();

    expect(app.host.server.seen.at(-1)?.headers['if-range']).toBe(lastModified);
  });

  it('breaks the connection and gives no parts: leaves out what is there already', async () => {
    const options = { etag: '"1"', ranges: false };
    app.host.server.on(
      app.published.path,
      breakAfter(app.published.data, 100_000, options),
      file(app.published.data, options),
    );

    expect(await app.fetch()).toMatchObject({ fetched: true });
  });

  it('breaks the connection and has another file then: begins anew', async () => {
    const older = gzipSync(
      tinyAci({ name: 'example.com/app', files: { a: randomBytes(300_000) } }),
    );
    app.host.server.on(
      app.published.path,
      breakAfter(older, 100_000, { etag: '"1"' }),
      file(app.published.data, { etag: '"2"' }),
    );

    expect(await app.fetch()).toMatchObject({ fetched: true });
    expect(app.host.server.seen.at(-1)?.headers.range).toBeUndefined();
  });

  it('breaks the connection and names no version: begins anew, not for ever', async () => {
    app.host.server.on(app.published.path, breakAfter(app.published.data, 100_000));

    await app.refused('FETCH_BROKEN');
    expect(app.host.server.count(app.published.path)).toBe(3);
  });

  it('breaks the connection time and again: gives up', async () => {
    app.host.server.on(
      app.published.path,
      breakAfter(app.published.data, 100_000, { etag: '"1"' }),
    );

    await app.refused('FETCH_BROKEN');
  });

  it.each([
    ['another start', (size: number) => `bytes 5-${size - 1}/${size}`],
    ['another length', (size: number) => `bytes 100000-${size - 1}/${size + 7}`],
    ['no range', () => ''],
  ])('lies about the part it sends, %s: is noticed', async (_, range) => {
    const part: Behaviour = (_request, response) => {
      const size = app.published.data.length;
      response.writeHead(206, { etag: '"1"', 'content-range': range(size) });
      response.end(app.published.data.subarray(100_000));
    };
    app.host.server.on(
      app.published.path,
      breakAfter(app.published.data, 100_000, { etag: '"1"' }),
      part,
    );

    await app.refused('FETCH_WRONG_PART');
  });

  it('gives a few bytes at a time whatever it is asked for: gives up in the end', async () => {
    app.host.server.on(
      app.published.path,
      breakAfter(app.published.data, 100_000, { etag: '"1"' }),
      (request, response) => {
        const start = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
        const range = `bytes ${start}-${start + 9}/${app.published.data.length}`;
        response.writeHead(206, { etag: '"1"', 'content-range': range });
        response.end(app.published.data.subarray(start, start + 10));
      },
    );

    await app.refused('FETCH_BROKEN');
    expect(app.host.server.count(app.published.path)).toBe(3);
    expect(app.host.progress.at(-1)).toMatchObject({ finished: true, failed: true });
  });

  it('sends the wrong bytes under the right range: the signature tells', async () => {
    const size = app.published.data.length;
    const part: Behaviour = (_request, response) => {
      response.writeHead(206, { etag: '"1"', 'content-range': `bytes 100000-${size - 1}/${size}` });
      response.end(Buffer.concat([app.published.data.subarray(100_000, -8), randomBytes(8)]));
    };
    app.host.server.on(
      app.published.path,
      breakAfter(app.published.data, 100_000, { etag: '"1"' }),
      part,
    );

    await expect(app.fetch()).rejects.toMatchObject({
      code: expect.stringMatching(/^(ARCHIVE_CORRUPT|SIGNATURE_INVALID)$/),
    });
  });

  it('redirects for ever: gives up', async () => {
    app.host.server.on(app.published.path, redirect(`https://example.com${app.published.path}`));

    await app.refused('FETCH_REDIRECT');
    expect(app.host.server.count(app.published.path)).toBe(11);
  });

  it.each(['file:///etc/passwd', 'gopher://x/', '', 'https://'])(
    'redirects to "%s": is refused',
    async (target) => {
      app.host.server.on(app.published.path, redirect(target));

      await app.refused('FETCH_REDIRECT');
    },
  );

  it('redirects to plain HTTP: is refused', async () => {
    app.host.server.on(app.published.path, redirect(`http://example.com${app.published.path}`));

    await app.refused('FETCH_INSECURE');
    await expect(app.fetch()).rejects.toThrow(
      `(redirected from "https://example.com${app.published.path}")`,
    );
  });

  it('redirects to an endless address: is refused, in a few words', async () => {
    app.host.server.on(app.published.path, redirect(`/${'x'.repeat(9000)}`));

    await app.refused('FETCH_REDIRECT');
    await expect(app.fetch()).rejects.toThrow(/^.{1,500}$/s);
  });

  it('sends chunks that are none: says so', async () => {
    app.host.server.on(
      app.published.path,
      raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n'),
    );

    await app.refused('FETCH_REFUSED');
  });

  it('answers 500: tries again, not for ever', async () => {
    app.host.server.on(app.published.path, status(500));

    await app.refused('FETCH_BUSY');
    expect(app.host.server.count(app.published.path)).toBe(3);
  });

  it('answers 503 and 429, then the file: fetches it', async () => {
    app.host.server.on(
      app.published.path,
      status(503),
      status(429, { 'retry-after': '0' }),
      file(app.published.data),
    );

    expect(await app.fetch()).toMatchObject({ fetched: true });
  });

  it('sends less than announced: is refused', async () => {
    const head = `HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: ${app.published.data.length + 1}\r\n\r\n`;
    app.host.server.on(app.published.path, (_request, response) => {
      response.socket?.write(head);
      response.socket?.end(app.published.data);
    });

    await app.refused('FETCH_BROKEN');
  });

  it('sends more than announced: is refused', async () => {
    app.host.server.on(app.published.path, (_request, response) => {
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${app.published.data.length}\r\n\r\n`;
      response.socket?.end(
        Buffer.concat([Buffer.from(head), app.published.data, Buffer.from('more')]),
      );
    });

    await app.refused('FETCH_OVERRUN');
  });

  it('answers what is not HTTP: is refused', async () => {
    app.host.server.on(app.published.path, raw('SSH-2.0-OpenSSH_9.2\r\n'));

    await app.refused('FETCH_REFUSED');
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
    app.host.server.on(app.published.path, status(code));

    await app.refused(expected);
    expect(app.host.server.count(app.published.path)).toBe(1);
  });
});
