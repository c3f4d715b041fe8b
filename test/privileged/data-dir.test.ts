import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeAll, afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
import { makeImage } from '../helpers/image-maker.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const UNSIGNED = '--insecure-options=image';
const NAME = 'example.com/app';
const FLAVORS = ['fly', 'nspawn'] as const;
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

describe.runIf(requires('root', 'overlay', 'busybox', 'nspawn', 'mount-namespace'))(
  'the data directory',
  () => {
    let machine: PodContext;
    let image: string;
    beforeAll(async () => {
      machine = createPodContext();
      image = await makeImage(machine.workDir, { name: NAME, app: { user: '1000', group: '100' } });
    });
    afterAll(async () => {
      await machine[Symbol.asyncDispose]();
    });

    let dir: string;
    let count = 0;
    beforeEach(() => {
      dir = join(machine.dir, `place-${(count += 1)}`);
      mkdirSync(dir);
    });
    afterEach(() => {
      rmSync(dir, { recursive: true });
    });

    /** Runs gantry on some data directory, by way of a shell command in which it is `"$@"`. */
    async function through(
      command: string,
      dataDir: string,
      args: readonly string[],
    ): Promise<ExecResult> {
      const [program, , ...config] = machine.argv();
      return await nodeExec.run({
        argv: ['sh', '-c', command, 'sh', program, `--dir=${dataDir}`, ...config, ...args],
        env: { PATH },
        timeoutMs: 60_000,
      });
    }
    const on = async (dataDir: string, ...args: readonly string[]): Promise<ExecResult> =>
      await through('exec "$@"', dataDir, args);
    const run = (flavor: string, script: string): readonly string[] => [
      'run',
      UNSIGNED,
      `--stage1-name=${flavor}`,
      NAME,
      '--exec=/bin/sh',
      '--',
      '-c',
      script,
    ];
    const gc = ['gc', '--grace-period=0s'];

    it.each([`a b"'%h$HOME#;*={`, 'k,o:m\\m', 'new\nline', '-ünï☃'])(
      'may be called %j',
      async (name) => {
        const dataDir = join(dir, name);
        demandSuccess(await on(dataDir, 'fetch', UNSIGNED, image), 'fetch');
        demandSuccess(await on(dataDir, 'image', 'verify', NAME), 'verify');
        for (const flavor of FLAVORS) {
          const { exitCode, stderr } = await on(dataDir, ...run(flavor, 'exit 3'));
          expect(exitCode, stderr).toBe(3);
        }
        demandSuccess(await on(dataDir, ...gc), 'gc');

        expect(readdirSync(join(dataDir, 'pods/run'))).toEqual([]);
      },
    );

    it('may lie behind a link', async () => {
      mkdirSync(join(dir, 'real'));
      symlinkSync('real', join(dir, 'link'));
      demandSuccess(await on(join(dir, 'link'), 'fetch', UNSIGNED, image), 'fetch');
      for (const flavor of FLAVORS) {
        expect((await on(join(dir, 'link'), ...run(flavor, 'exit 3'))).exitCode).toBe(3);
      }
      demandSuccess(await on(join(dir, 'link'), ...gc), 'gc');

      expect(readdirSync(join(dir, 'real')).sort()).toEqual(
        expect.arrayContaining(['cas', 'pods']),
      );
    });

    it('may lie on an overlay, which takes no second one: trees are copied', async () => {
      const place = (name: string): string => join(dir, name);
      kernel.mount({ source: 'tmpfs', target: dir, fstype: 'tmpfs' });
      try {
        for (const name of ['lower', 'upper', 'work', 'data']) mkdirSync(place(name));
        const data = `lowerdir=${place('lower')},upperdir=${place('upper')},workdir=${place('work')}`;
        const target = place('data');
        kernel.mount({ source: 'overlay', target, fstype: 'overlay', data });
        try {
          demandSuccess(await on(target, 'fetch', UNSIGNED, image), 'fetch');
          for (const flavor of FLAVORS) {
            const { exitCode, stderr } = await on(target, ...run(flavor, 'exit 3'));
            expect([exitCode, stderr]).toEqual([
              3,
              expect.stringContaining(`the file system of "${target}", overlay, takes no layers`),
            ]);
          }
          demandSuccess(await on(target, ...gc), 'gc');
        } finally {
          kernel.unmount(target);
        }
      } finally {
        kernel.unmount(dir);
      }
    });

    it('is refused in words where there can be none', async () => {
      writeFileSync(join(dir, 'file'), '');
      symlinkSync('nowhere', join(dir, 'dangling'));
      const places = ['file', 'file/below', 'dangling', '/proc/nothing', 'x'.repeat(300)];
      for (const place of places) {
        for (const args of [
          ['fetch', UNSIGNED, image],
          run('fly', 'true'),
          ['image', 'list'],
          gc,
        ]) {
          const { exitCode, stderr } = await on(resolve(dir, place), ...args);
          expect([exitCode, stderr], place).toEqual([254, expect.stringMatching(/cannot|--dir/)]);
          expect(stderr, place).not.toContain('bug');
        }
      }
    });

    /** Everything below that somebody but its owner, or its group where that is for the store, comes to and may write. */
    function writable(path: string, mask: number): readonly string[] {
      return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
        const child = join(path, entry.name);
        if (entry.isSymbolicLink()) return [];
        const { mode } = statSync(child);
        const own = (mode & mask) === 0 ? [] : [child];
        return entry.isDirectory() && (mode & 0o077) !== 0
          ? [...own, ...writable(child, mask)]
          : own;
      });
    }

    it.each(['000', '077', '777'])('is the same under umask %s', async (umask) => {
      const dataDir = join(dir, 'data');
      const command = `umask ${umask}; exec "$@"`;
      demandSuccess(await through(command, dataDir, ['fetch', UNSIGNED, image]), 'fetch');
      const fly = await through(command, dataDir, run('fly', 'umask'));
      // The app is not root, and reads what gantry made.
      const script = 'cat /etc/hosts /etc/hostname && umask';
      const nspawn = await through(command, dataDir, run('nspawn', script));
      demandSuccess(await through(command, dataDir, ['prepare', UNSIGNED, NAME]), 'prepare');

      expect([fly.exitCode, fly.stdout.toString()]).toEqual([0, `0${umask}\n`]);
      expect([nspawn.exitCode, nspawn.stderr]).toEqual([0, expect.not.stringContaining('denied')]);
      expect(nspawn.stdout.toString()).toMatch(/0022\n$/);
      const modes = ['', 'pods', 'cas'].map((name) => statSync(join(dataDir, name)).mode & 0o7777);
      expect(modes).toEqual([0o755, 0o755, 0o2770]);
      expect(writable(join(dataDir, 'pods'), 0o022)).toEqual([]);
      const inTrees = (path: string): boolean => path.startsWith(join(dataDir, 'cas/tree/'));
      expect(writable(dataDir, 0o002).filter((path) => !inTrees(path))).toEqual([]);
    });

    it('may be read-only for whoever only looks, and says so to others', async () => {
      const dataDir = join(dir, 'data');
      demandSuccess(await on(dataDir, 'fetch', UNSIGNED, image), 'fetch');
      demandSuccess(await on(dataDir, ...run('fly', 'true')), 'run');
      const [pod = ''] = readdirSync(join(dataDir, 'pods/run'));
      // In a mount namespace of its own.
      const mounted = 'mount --bind -o ro "$0" "$0" && exec "$@"';
      const command = `exec unshare --mount sh -c '${mounted}' '${dataDir}' "$@"`;

      const looks = [
        ['list'],
        ['image', 'list'],
        ['status', pod],
        ['cat-manifest', pod],
        ['image', 'verify', NAME],
        ['image', 'cat-manifest', NAME],
      ];
      for (const args of looks) {
        const { exitCode, stderr } = await through(command, dataDir, args);
        expect([exitCode, stderr], args.join(' ')).toEqual([0, '']);
      }
      const changes = [
        ['fetch', UNSIGNED, image],
        run('fly', 'true'),
        run('nspawn', 'true'),
        ['prepare', UNSIGNED, NAME],
        gc,
        ['rm', pod],
        ['image', 'rm', NAME],
      ];
      for (const args of changes) {
        const { exitCode, stderr } = await through(command, dataDir, args);
        expect([exitCode, stderr], args.join(' ')).toEqual([
          254,
          expect.stringMatching(/: .*read-only/),
        ]);
        expect(stderr).not.toContain('bug');
      }
      demandSuccess(await on(dataDir, 'gc', '--mark-only'), 'mark');
      const { exitCode, stderr } = await through(command, dataDir, gc);
      expect([exitCode, stderr]).toEqual([254, expect.stringContaining('is read-only')]);
      expect(stderr).not.toContain('bug');
    });
  },
);
