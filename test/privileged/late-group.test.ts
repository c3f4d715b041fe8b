import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { makeImage } from '../helpers/image-maker.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const UNSIGNED = '--insecure-options=image';
const GROUP = 61_234;
const MEMBER = ['--reuid=61235', '--regid=61235', `--groups=${GROUP}`];
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

describe.runIf(requires('root', 'overlay', 'busybox', 'mount-namespace'))(
  'gantry, where pods and images are older than the group',
  () => {
    let machine: PodContext;
    let image: string;
    beforeEach(async () => {
      machine = createPodContext();
      chmodSync(machine.dir, 0o755);
      const groups = readFileSync('/etc/group', 'utf8').replaceAll(/^gantry:.*\n/gm, '');
      writeFileSync(join(machine.dir, 'none'), groups);
      writeFileSync(join(machine.dir, 'group'), `${groups}gantry:x:${GROUP}:\n`);
      image = await makeImage(machine.workDir, { name: 'example.com/a' });
      const run = ['run', UNSIGNED, '--stage1-name=fly', '--pod-name=old', image];
      demandSuccess(await as('none', [], ...run), 'run');
    });
    afterEach(async () => {
      await machine[Symbol.asyncDispose]();
    });

    /** Runs gantry as somebody on a machine with this file of groups. */
    async function as(
      groups: 'none' | 'group',
      identity: readonly string[],
      ...args: readonly string[]
    ): Promise<ExecResult> {
      const command = 'mount --bind "$0" /etc/group && umask 077 && exec "$@"';
      const become = identity.length === 0 ? [] : ['setpriv', ...identity];
      const program = [...become, ...machine.argv(...args)];
      return await nodeExec.run({
        argv: ['unshare', '--mount', 'sh', '-c', command, join(machine.dir, groups), ...program],
        env: { PATH },
        timeoutMs: 60_000,
      });
    }

    it('tells a member that root has to collect once', async () => {
      for (const args of [['list'], ['image', 'list'], ['image', 'rm', 'example.com/a']]) {
        const { exitCode, stderr } = await as('group', MEMBER, ...args);

        expect([exitCode, stderr], args.join(' ')).toEqual([
          254,
          expect.stringMatching(/hint: .*root has run "gantry image gc"/),
        ]);
        expect(stderr).not.toContain('become a member');
      }
    });

    it.each(['image gc', 'gc'])('gives pods to the group when root runs %s', async (words) => {
      demandSuccess(await as('group', [], ...words.split(' ')), words);

      for (const args of [['list'], ['status', 'old'], ['cat-manifest', 'old']]) {
        const { exitCode, stderr } = await as('group', MEMBER, ...args);
        expect([exitCode, stderr], args.join(' ')).toEqual([0, '']);
      }
      demandSuccess(await as('group', [], 'image', 'gc'), 'image gc');
      const { stderr } = await as('group', MEMBER, 'image', 'rm', 'example.com/a');
      expect(stderr).toContain('a pod uses it');
    });
  },
);
