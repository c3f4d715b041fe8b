import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { MANIFEST, tarOf } from '../helpers/hostile-tar.ts';
import { requires } from '../helpers/requires.ts';
import { WORKERS } from '../helpers/test-store.ts';

const top = join(import.meta.dirname, '../..');

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'render-race-'));
  mkdirSync(join(dir, 'cas', 'tmp'), { recursive: true });
  const files = Array.from({ length: 300 }, (_, i) => ({
    path: `rootfs/d${i % 7}/f${i}`,
    body: `${i}`,
  }));
  const entries = [{ path: 'manifest', body: MANIFEST }, { path: 'rootfs', flag: '5' }, ...files];
  writeFileSync(join(dir, 'blob'), tarOf(...entries));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** A process that renders one and the same image and prints which tree it got. */
function renderer(): { readonly done: Promise<string>; kill(): void } {
  const program = `
    import { createHash } from 'node:crypto';
    import { readFileSync } from 'node:fs';
    import { openTrees } from './image-store/tree/open-trees.ts';
    import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
    import { nodeExec as exec } from '#base/exec/node-exec';
    import { nullLog as log } from '#base/log/log';
    import { parseImageManifest } from '#schema/image/image-manifest';
    import { imageKeyOf } from '#schema/types/image-hash';
    const dir = ${JSON.stringify(join(dir, 'cas'))};
    const trees = openTrees({ dir, kernel, exec, log, workers: ${JSON.stringify(WORKERS)} });
    const manifest = parseImageManifest(${JSON.stringify(MANIFEST)});
    const source = {
      manifest: () => manifest,
      blobPath: () => ${JSON.stringify(join(dir, 'blob'))},
      layersOf: () => undefined,
    };
    const key = imageKeyOf(createHash('sha512').update(readFileSync(source.blobPath())).digest());
    const tree = await trees.render(trees.planAlone(key, source));
    await trees.verifyDeep(tree);
    process.stdout.write(tree.id);`;
  const running = nodeExec.stream({
    argv: [process.execPath, '--input-type=module', '--eval', program],
    env: { PATH: '/usr/bin:/bin' },
    cwd: top,
  });
  running.stdin.end();
  const pieces: Buffer[] = [];
  running.stdout.on('data', (piece: Buffer) => void pieces.push(piece));
  const done = running.ended.then(({ stderr }) => Buffer.concat(pieces).toString() || stderr);

  return { done, kill: () => running.kill('SIGKILL') };
}

describe.runIf(requires('root'))('render() by several processes', () => {
  it('gives all of them one tree and leaves nothing', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => renderer().done));

    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^deps-sha512-[0-9a-f]{64}$/);
    expect(readdirSync(join(dir, 'cas', 'tree'))).toEqual([ids[0]]);
    expect(readdirSync(join(dir, 'cas', 'tmp'))).toEqual([]);
    expect(readdirSync(join(dir, 'cas', 'treestorelocks'))).toEqual([]);
  });

  it('survives those that are killed at any moment', async () => {
    for (let round = 0; round < 8; round++) {
      const victim = renderer();
      await new Promise((resolve) => setTimeout(resolve, 100 + round * 60));
      victim.kill();
      await victim.done;
    }
    const id = await renderer().done;

    expect(id).toMatch(/^deps-sha512-[0-9a-f]{64}$/);
    expect(readdirSync(join(dir, 'cas', 'tree'))).toEqual([id]);
  });
});
