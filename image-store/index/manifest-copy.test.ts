import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '#base/log/log';
import type { ImageKey } from '#schema/types/image-hash';
import { type OciHost, openOciHost } from '../../test/helpers/oci-host.ts';
import { addImage } from '../../test/helpers/test-store.ts';
import { blobPath, manifestPath } from '../format/layout.ts';
import { nothingInUse } from '../gc/in-use.ts';

let host: OciHost;
let said: string[];
beforeEach(() => {
  host = openOciHost();
  said = [];
  host.reopen({ log: createLog(({ message }) => said.push(message)) });
});
afterEach(() => {
  host[Symbol.dispose]();
});

const app = { exec: ['/bin/true'], user: '0', group: '0' };
const IMAGES: readonly (readonly [string, () => Promise<ImageKey>])[] = [
  ['an ACI', async () => (await addImage(host.store, { name: 'a', manifest: { app } })).key],
  [
    'an OCI image',
    async () => {
      host.only({ config: { Cmd: ['/bin/true'] } });
      return await host.fetch(`oci:${host.layout.dir}`);
    },
  ],
];
const copyOf = (key: ImageKey): string => manifestPath(host.store.dir, key);
const edit = (path: string): void =>
  writeFileSync(path, readFileSync(path, 'utf8').replace('/bin/true', '/bin/evil'));

/** What may happen to the copy, and what the image is refused with. */
const DAMAGES: readonly (readonly [string, (path: string) => void, string])[] = [
  ['says something else', edit, 'the copy of its manifest does not say what the image says'],
  ['is empty', (path) => writeFileSync(path, ''), 'the copy of its manifest is damaged'],
  ['is cut', (path) => writeFileSync(path, '{"acKind":'), 'the copy of its manifest is damaged'],
];

describe.each(IMAGES)('the copy of the manifest of %s', (_, bring) => {
  it.each(DAMAGES)('is refused by verification when it %s, and restored by gc', async (...args) => {
    const [, damage, state] = args;
    const key = await bring();
    const before = readFileSync(copyOf(key), 'utf8');
    await host.store.verifyBlobs(key);
    damage(copyOf(key));

    await expect(host.store.verifyBlobs(key)).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
      message: `cannot use image ${key}: ${state}`,
      hint: expect.stringMatching(/gantry image gc.*fetch it again/),
    });
    await host.store.gc({ graceMs: 3_600_000, inUse: nothingInUse });
    expect(readFileSync(copyOf(key), 'utf8')).toBe(before);
    expect(said).toContain(`restored the manifest of image ${key}`);
    await host.store.verifyBlobs(key);
  });

  it('is not restored from blobs that have changed', async () => {
    const key = await bring();
    rmSync(copyOf(key));
    appendFileSync(blobPath(host.store.dir, key), ' ');
    await host.store.gc({ graceMs: 3_600_000, inUse: nothingInUse });

    expect(() => host.store.manifest(key)).toThrow('the copy of its manifest is gone');
    expect(said.join('\n')).toMatch(/cannot restore the manifest of image .* now hashes to/);
  });
});
