import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { discoveryPage, file, status } from '../../test/doubles/image-server.ts';
import { type FetchHost, startFetchHost } from '../../test/helpers/fetch-host.ts';
import { makeSigningKey } from '../../test/helpers/signing.ts';

let host: FetchHost;
beforeAll(async () => {
  host = await startFetchHost();
});
beforeEach(() => host.reset());
afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const APP = { name: 'example.com/app', version: '1.0' };

describe('fetchImage() with signatures', () => {
  it('refuses before it fetches the image what an unknown key has signed', async () => {
    const { path } = await host.publish(APP, { key: await makeSigningKey({ name: 'stranger' }) });

    await expect(host.fetch('example.com/app')).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
    expect(host.server.count(path)).toBe(0);
  });

  it('refuses the signature of another file and leaves nothing behind', async () => {
    const { path } = await host.publish(APP);
    host.server.on(`${path}.asc`, file(await host.key.sign(Buffer.from('another'))));

    await expect(host.fetch('example.com/app')).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
    });
    expect(host.store.list()).toEqual([]);
  });

  it('checks the key against the name that the image has, whatever its address', async () => {
    const { path } = await host.publish({ name: 'example.org/app' });

    await expect(host.fetch(`${host.server.origin}${path}`)).rejects.toMatchObject({
      code: 'KEY_WRONG_SCOPE',
    });
  });

  it('asks again after the image when the signature is not there yet', async () => {
    const { path, signature } = await host.publish(APP);
    host.server.on(`${path}.asc`, status(202), status(202), file(signature));

    const { key } = await host.fetch('example.com/app');

    expect(host.store.record(key)?.accepted.how).toBe('signed');
    expect(readdirSync(join(host.store.dir, 'tmp'))).toEqual([]);
    const asked = host.server.seen.map(({ target }) => target.endsWith('.asc'));
    expect(asked).toEqual([false, true, false, true, true]);
  });

  it('refuses what is not the signed file also when the signature comes late', async () => {
    const { path } = await host.publish(APP);
    const other = await host.key.sign(Buffer.from('another'));
    host.server.on(`${path}.asc`, status(202), file(other));

    await expect(host.fetch('example.com/app')).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
    });
    expect(host.store.list()).toEqual([]);
  });

  it('says that the image is not there, where neither it nor a signature is', async () => {
    const address = `${host.server.origin}/typo.aci`;

    await expect(host.fetch(address)).rejects.toMatchObject({
      code: 'FETCH_NOT_FOUND',
      message: `cannot fetch "${address}": the server answered 404`,
      hint: 'look at the address',
    });
  });

  it.each([
    [':9.9', /version.*"example\.com\/app:9\.9,os=linux,arch=\w+" was asked for/],
    ['', /give a version: without one it is "latest" that is asked for/],
  ])('says what was asked for, where a site has no image "app%s"', async (version, hint) => {
    const template = 'https://example.com/app-{version}.{ext}';
    host.server.on('example.com/app', discoveryPage({ aci: [['example.com/app', template]] }));

    for (const insecure of [{}, { image: true }]) {
      await expect(host.fetch(`example.com/app${version}`, { insecure })).rejects.toMatchObject({
        code: 'FETCH_NOT_FOUND',
        message: expect.stringMatching(/"https:\/\/example\.com\/app-(9\.9|latest)\.aci": .* 404$/),
        hint: expect.stringMatching(hint),
      });
    }
  });

  it('leaves an image alone that is there without a signature', async () => {
    const { path, data } = await host.publish(APP);
    host.server.on(`${path}.asc`, status(404));
    host.server.on(path, (request, response) => {
      expect(request.headers.range).toBe('bytes=0-0');
      response.writeHead(200, { 'content-length': 1_000_000_000 }).write(data);
    });

    await expect(host.fetch('example.com/app')).rejects.toMatchObject({
      code: 'SIGNATURE_MISSING',
    });
    expect(host.progress).toEqual([]);
  });

  it.each([401, 500])('says that a signature is missing, whatever %d means', async (code) => {
    const { path } = await host.publish(APP);
    host.server.on(`${path}.asc`, status(404));
    host.server.on(path, status(code));

    await expect(host.fetch('example.com/app')).rejects.toMatchObject({
      code: 'SIGNATURE_MISSING',
    });
  });

  it.each([
    ['a pipe that nobody writes to', 'pipe', 'not a regular file'],
    ['a folder', '.', 'not a regular file'],
    ['a file that is too long', 'long', 'it has more than 1048576 bytes'],
  ])('takes no signature from %s, and does not wait', async (_, name, state) => {
    await host.publish(APP);
    const folder = mkdtempSync(join(host.dir, 'signatures-'));
    await nodeExec.run({ argv: ['mkfifo', join(folder, 'pipe')], env: { PATH: '/usr/bin:/bin' } });
    writeFileSync(join(folder, 'long'), Buffer.alloc(1_048_577));
    const signature = join(folder, name);

    await expect(host.fetch('example.com/app', { signature })).rejects.toMatchObject({
      code: 'SIGNATURE_UNREADABLE',
      cause: { message: `cannot read signature "${signature}": ${state}` },
      hint: 'give the file that "gpg --detach-sign" writes',
    });
  });

  it('names the place where a signature is missing', async () => {
    const { path } = await host.publish(APP);
    host.server.on(`${path}.asc`, status(404));

    await expect(host.fetch('example.com/app')).rejects.toThrow(
      /no signature at "https:.*app.aci.asc"/,
    );
  });
});
