import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { makeImage } from '../helpers/image-maker.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const UNSIGNED = '--insecure-options=image';
const GROUP = 61_234;
const MEMBER = ['--reuid=61235', '--regid=61235', `--groups=${GROUP}`];
const STRANGER = ['--reuid=61236', '--regid=61236', '--clear-groups'];
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

describe.runIf(requires('root', 'overlay', 'busybox', 'nspawn', 'mount-namespace'))(
  'gantry, as somebody who is not root',
  () => {
    let machine: PodContext;
    let images: { readonly a: string; readonly b: string };
    let pods: readonly string[];
    beforeAll(async () => {
      machine = createPodContext();
      chmodSync(machine.dir, 0o755);
      const groups = readFileSync('/etc/group', 'utf8').replaceAll(/^gantry:.*\n/gm, '');
      writeFileSync(join(machine.dir, 'group'), `${groups}gantry:x:${GROUP}:\n`);
      images = {
        a: await makeImage(machine.workDir, { name: 'example.com/a' }),
        b: await makeImage(machine.workDir, { name: 'example.com/b' }),
      };
      demandSuccess(await as([], 'fetch', UNSIGNED, images.a), 'fetch');
      for (const flavor of ['fly', 'nspawn']) {
        const run = ['run', UNSIGNED, `--stage1-name=${flavor}`, 'example.com/a'];
        demandSuccess(await as([], ...run), flavor);
      }
      pods = readdirSync(join(machine.dataDir, 'pods/run'));
    });
    afterAll(async () => {
      await machine[Symbol.asyncDispose]();
    });

    /** Runs gantry as somebody on a machine that has the group; root has closed everything to others that can be closed. */
    async function as(
      identity: readonly string[],
      ...args: readonly string[]
    ): Promise<ExecResult> {
      const command = 'mount --bind "$0" /etc/group && umask 077 && exec "$@"';
      const become = identity.length === 0 ? [] : ['setpriv', ...identity];
      return await nodeExec.run({
        argv: [
          'unshare',
          '--mount',
          'sh',
          '-c',
          command,
          join(machine.dir, 'group'),
          ...become,
          ...machine.argv(...args),
        ],
        env: { PATH },
        timeoutMs: 60_000,
      });
    }
    const names = async (): Promise<string> =>
      demandSuccess(
        await as(MEMBER, 'image', 'list', '--no-legend', '--fields=name'),
        'image list',
      ).stdout.toString();

    it('lists pods as a member of the group, and tells all of one', async () => {
      const listed = await as(MEMBER, 'list', '--full');

      expect([listed.exitCode, listed.stderr]).toEqual([0, '']);
      for (const uuid of pods) {
        expect(listed.stdout.toString()).toContain(uuid);
        for (const command of ['status', 'cat-manifest']) {
          const { exitCode, stderr } = await as(MEMBER, command, uuid);
          expect([exitCode, stderr], command).toEqual([0, '']);
        }
      }
    });

    it('fetches, shows, verifies and removes images as a member', async () => {
      demandSuccess(await as(MEMBER, 'fetch', UNSIGNED, images.b), 'fetch');
      for (const command of ['cat-manifest', 'verify']) {
        demandSuccess(await as(MEMBER, 'image', command, 'example.com/b'), command);
      }
      const target = join(machine.dir, 'exports');
      mkdirSync(target);
      chmodSync(target, 0o777);
      demandSuccess(
        await as(MEMBER, 'image', 'export', 'example.com/b', join(target, 'b')),
        'export',
      );
      const refused = await as(MEMBER, 'image', 'export', 'example.com/b', join(machine.dir, 'b'));
      expect([refused.exitCode, refused.stderr]).toEqual([
        254,
        expect.stringMatching(/permission denied[^]*hint: name a place that you may write to/),
      ]);
      expect(await names()).toContain('example.com/b');

      demandSuccess(await as(MEMBER, 'image', 'rm', 'example.com/b'), 'image rm');
      expect(await names()).not.toContain('example.com/b');
    });

    it('says of rendered trees that a member cannot verify them', async () => {
      const verified = await as(MEMBER, 'image', 'verify', 'example.com/a');

      expect(verified.exitCode).toBe(0);
      expect(verified.stdout.toString()).toContain('(looking at rendered trees takes root)');
      const byRoot = await as([], 'image', 'verify', 'example.com/a');
      expect(byRoot.stdout.toString()).toMatch(/^successfully verified image/);
    });

    it('keeps what pods use, their stage1 too, from a member who collects or removes images', async () => {
      const before = await names();
      demandSuccess(await as(MEMBER, 'image', 'gc', '--grace-period=0s'), 'image gc');
      expect(await names()).toBe(before);

      for (const name of before
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean)) {
        const { exitCode, stderr } = await as(MEMBER, 'image', 'rm', name);
        expect([exitCode, stderr], name).toEqual([254, expect.stringContaining('a pod uses it')]);
      }
    });

    it('tells a stranger in words that none of this is for him', async () => {
      const [uuid = ''] = pods;
      const forbidden = [
        ['list'],
        ['status', uuid],
        ['cat-manifest', uuid],
        ['image', 'list'],
        ['fetch', UNSIGNED, images.b],
        ['image', 'gc'],
        ['gc'],
        ['run', 'example.com/a'],
      ];
      for (const args of forbidden) {
        const { exitCode, stderr } = await as(STRANGER, ...args);
        expect([exitCode, stderr], args.join(' ')).toEqual([
          254,
          expect.stringMatching(/hint: .*root/),
        ]);
        expect(stderr).not.toContain('bug');
      }
      expect((await as(STRANGER, 'version')).exitCode).toBe(0);
    });

    it('runs, and collects, as root what members fetched', async () => {
      demandSuccess(await as(MEMBER, 'fetch', UNSIGNED, images.b), 'fetch');
      const run = ['run', UNSIGNED, '--stage1-name=fly', 'example.com/b'];
      demandSuccess(await as([], ...run), 'run');
      demandSuccess(await as([], 'gc', '--grace-period=0s'), 'gc');
      demandSuccess(await as([], 'image', 'gc', '--grace-period=0s'), 'image gc');

      expect(await names()).toBe('');
    });
  },
);
