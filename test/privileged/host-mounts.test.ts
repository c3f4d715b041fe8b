import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { createFlyPods, type FlyPods } from '../helpers/fly-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/host-mounts';
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** What a shell says of the mounts that it sees, one path a line. */
const MOUNTS = 'cut -d" " -f5 /proc/self/mountinfo | sort';

describe.runIf(requires('root', 'overlay', 'mount-namespace', 'busybox'))(
  "the host's own mounts",
  () => {
    let pods: FlyPods;
    beforeAll(async () => {
      pods = createFlyPods();
      await pods.add({ name: NAME });
    });
    afterAll(async () => {
      await pods[Symbol.asyncDispose]();
    });

    /**
     * Does something on a host of its own, whose mounts are all shared as
     * systemd has them, so that this machine's are in no danger.
     * @returns the mounts that are gone afterwards
     */
    async function lostBy(script: string, ...args: readonly string[]): Promise<readonly string[]> {
      const whole = `mount --make-rshared / && ${MOUNTS} > "$0" && { ${script}; } >&2; ${MOUNTS} | comm -23 "$0" -`;
      const result = await nodeExec.run({
        argv: [
          'unshare',
          '--mount',
          '--propagation=private',
          'bash',
          '-c',
          whole,
          join(pods.context.workDir, 'before'),
          ...args,
        ],
        env: ENVIRONMENT,
        timeoutMs: 60_000,
      });
      demandSuccess(result, script);
      return result.stdout.toString().split('\n').filter(Boolean);
    }

    const BIND = 'for fs in dev proc sys; do mkdir -p "$1/$fs"; mount --rbind /$fs "$1/$fs"; done';

    it('are taken along by one lazy unmount of what was bound from them', async () => {
      const folder = join(pods.context.workDir, 'bound');
      mkdirSync(folder);

      expect(await lostBy(`${BIND}; umount -l "$1/dev"`, folder)).toContain('/dev/pts');
    });

    it.each([
      ['rm', []],
      ['gc', ['--grace-period=0s']],
    ])('stay when %s removes a pod on which they were left bound', async (command, flags) => {
      const { context } = pods;
      expect((await pods.run([`--pod-name=${command}`, NAME])).exitCode).toBe(0);
      const { stdout } = await context.gantry(['inspect', command]);
      const { directory } = JSON.parse(stdout.toString()) as { readonly directory: string };
      const words = command === 'rm' ? [command] : flags;
      const [program, ...args] = context.argv(command, ...words);
      const lost = await lostBy(`${BIND}; shift; "$@"`, join(directory, 'left'), program, ...args);

      expect(lost).toEqual([]);
      expect(existsSync(directory)).toBe(false);
    });

    it('stay when an app of a fly pod unmounts what it sees of them', async () => {
      const unmount = 'umount -l /dev/pts; umount -l /sys; umount -l /dev; umount -l /proc';
      const script = `${unmount}; mount -t tmpfs x /sys; exit 3`;
      const lost = await lostBy(
        '"$@"; [ $? = 3 ]',
        ...pods.argv(NAME, '--exec=/bin/sh', '--', '-c', script),
      );

      expect(lost).toEqual([]);
    });

    it('hear nothing of what a fly pod mounts: it listens to them, and no more', async () => {
      const app = ['--exec=/bin/cat', '--', '/proc/self/mountinfo'];
      const result = await nodeExec.run({
        argv: [
          ...(['unshare', '--mount', '--propagation=private', 'bash', '-c'] as const),
          // The shell stays: with it goes the host that the pod listens to.
          'mount --make-rshared / && "$@"; exit',
          'bash',
          ...pods.argv(NAME, ...app),
        ],
        env: ENVIRONMENT,
      });
      const lines = demandSuccess(result, 'run').stdout.toString().split('\n').filter(Boolean);

      expect(lines.length).toBeGreaterThan(5);
      for (const line of lines) expect(line).not.toMatch(/ shared:/);
      for (const path of ['/dev', '/proc', '/sys']) {
        expect(lines.find((line) => line.split(' ')[4] === path)).toMatch(/ master:\d+/);
      }
    });
  },
);
