import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFlyPods, type FlyPods } from '../helpers/fly-pods.ts';
import { mountsBelow } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/packed-fly';
const FILES = 10_500;

describe.runIf(requires('root', 'overlay', 'mount-namespace', 'busybox', 'erofs'))(
  'a fly pod of a large image',
  () => {
    let pods: FlyPods;
    beforeAll(async () => {
      pods = createFlyPods();
      const prepare = (rootfs: string): void => {
        for (let i = 0; i < FILES; i++) {
          if (i % 500 === 0) mkdirSync(join(rootfs, `many/d${i}`), { recursive: true });
          writeFileSync(join(rootfs, `many/d${i - (i % 500)}/f${i}`), String(i));
        }
      };
      await pods.add({ name: NAME, prepare });
    });
    afterAll(async () => {
      await pods[Symbol.asyncDispose]();
    });

    it('runs from one erofs image, and leaves no mount', async () => {
      const trees = join(pods.context.dataDir, 'cas', 'tree');
      const run = await pods.run([
        NAME,
        '--exec=/bin/sh',
        '--',
        '-c',
        'cat /many/d10000/f10400; echo -n x >/many/new; ls /many | wc -l',
      ]);
      const kinds = readdirSync(trees).map(
        (id) => JSON.parse(readFileSync(join(trees, id, 'rendered'), 'utf8')).kind as string,
      );

      expect(run.exitCode, run.stderr).toBe(0);
      expect(run.stdout.toString()).toMatch(/^1040022\n/);
      expect(kinds.sort()).toEqual(['directory', 'packed']);
      expect(mountsBelow(pods.context.dataDir)).toEqual([]);
    });

    it('runs prepared, and as a copy without overlay', async () => {
      const script = ['--exec=/bin/cat', '--', '/many/d0/f7'];
      const prepared = await pods.context.gantry([
        'prepare',
        '--quiet',
        '--insecure-options=image',
        '--stage1-name=fly',
        NAME,
        ...script,
      ]);
      const uuid = prepared.stdout.toString().trim().split('\n').at(-1) ?? '';
      const ran = await pods.context.gantry(['run-prepared', '--insecure-options=image', uuid]);
      expect(ran.stdout.toString()).toBe('7');

      const copied = await pods.run(['--no-overlay', NAME, ...script]);
      expect(copied.stdout.toString()).toBe('7');
    });
  },
);
