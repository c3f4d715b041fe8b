import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { parseImageManifest } from '#schema/image/image-manifest';
import { MANIFEST } from '../../test/helpers/hostile-tar.ts';
import { inspectAci } from './inspect.ts';
import { makeAci } from './make-aci.ts';

let dir: string;
let rootfs: string;
const manifest = parseImageManifest(MANIFEST);
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'make-aci-'));
  rootfs = join(dir, 'a root, with "odd" name');
  mkdirSync(join(rootfs, '.hidden'), { recursive: true });
  writeFileSync(join(rootfs, '.hidden', 'file'), 'x');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('makeAci()', () => {
  it('makes an archive that is laid out as an ACI', async () => {
    const target = join(dir, 'a.aci');
    const made = await makeAci(nodeExec, { rootfs, manifest, target: { path: target } });

    expect(made.leftOut).toEqual([]);
    expect(await inspectAci(target)).toMatchObject({ entries: 4, manifestText: MANIFEST });
  });

  it('compresses when told to', async () => {
    const [plain, packed] = [join(dir, 'a.aci'), join(dir, 'b.aci')];
    await makeAci(nodeExec, { rootfs, manifest, target: { path: plain } });
    await makeAci(nodeExec, { rootfs, manifest, target: { path: packed }, compression: 'gzip' });

    expect(gunzipSync(readFileSync(packed)).equals(readFileSync(plain))).toBe(true);
  });

  it('names the sockets that it leaves out', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(rootfs, 'socket'), resolve));
    const made = await makeAci(nodeExec, {
      rootfs,
      manifest,
      target: { path: join(dir, 'a.aci') },
    });
    server.close();

    expect(made.leftOut).toEqual(['./socket']);
  });

  it('leaves a file that is there alone', async () => {
    const target = join(dir, 'a.aci');
    writeFileSync(target, 'mine');

    await expect(
      makeAci(nodeExec, { rootfs, manifest, target: { path: target } }),
    ).rejects.toMatchObject({
      code: 'TARGET_EXISTS',
    });
    expect(readFileSync(target, 'utf8')).toBe('mine');
  });

  it('leaves nothing when the root is not there', async () => {
    const nowhere = { rootfs: join(dir, 'none'), manifest, target: { path: join(dir, 'a.aci') } };

    await expect(makeAci(nodeExec, nowhere)).rejects.toMatchObject({ code: 'EXEC_FAILED' });
    expect(readdirSync(dir)).toHaveLength(1);
  });
});
