import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { file, status } from '../../test/doubles/image-server.ts';
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

  it('names the place where a signature is missing', async () => {
    const { path } = await host.publish(APP);
    host.server.on(`${path}.asc`, status(404));

    await expect(host.fetch('example.com/app')).rejects.toThrow(
      /no signature at "https:.*app.aci.asc"/,
    );
  });
});
