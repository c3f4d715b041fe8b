import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { makeImage } from '../helpers/image-maker.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

// What gantry is started in and by may be anything: nothing in the environment,
// streams that are closed, low limits, a directory that is gone. It works, or
// it says in words what is wrong.

const UNSIGNED = '--insecure-options=image';
const NAME = 'example.com/app';
const FLAVORS = ['fly', 'nspawn'] as const;
/** A shell command that starts another with no standard streams. */
const CLOSED = '"$@" <&- >&- 2>&-';
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

describe.runIf(requires('root', 'overlay', 'busybox', 'nspawn'))('gantry, started anyhow', () => {
  let machine: PodContext;
  let image: string;
  beforeAll(async () => {
    machine = createPodContext();
    image = await makeImage(machine.workDir, { name: NAME });
    demandSuccess(await machine.gantry([UNSIGNED, 'fetch', image]), 'fetch');
    for (const flavor of FLAVORS) demandSuccess(await machine.gantry(run(flavor, 'true')), flavor);
  });
  afterAll(async () => {
    await machine[Symbol.asyncDispose]();
  });

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
  /** Starts gantry by way of a shell command in which it is `"$@"`. */
  const through = async (command: string, args: readonly string[]): Promise<ExecResult> =>
    await nodeExec.run({
      argv: ['sh', '-c', command, 'sh', ...machine.argv(...args)],
      env: { PATH },
      timeoutMs: 60_000,
    });
  const gc = ['gc', '--grace-period=0s'];

  describe('with nothing in its environment', () => {
    it('fetches, runs, lists and collects', async () => {
      for (const args of [
        ['fetch', UNSIGNED, image],
        run('fly', 'exit 3'),
        run('nspawn', 'exit 3'),
        ['list'],
        gc,
      ]) {
        const { exitCode, stderr } = await machine.gantry(args, { env: {} });
        expect([exitCode, stderr]).toEqual([
          args.includes('exit 3') ? 3 : 0,
          expect.not.stringContaining('bug'),
        ]);
      }
    });
  });

  describe('with its standard streams closed', () => {
    it('does what it is told', async () => {
      for (const args of [['fetch', UNSIGNED, image], ['image', 'list'], ['list'], gc]) {
        expect((await through(CLOSED, args)).exitCode, args.join(' ')).toBe(0);
      }
    });

    it.each(FLAVORS)('runs under %s, with /dev/null in their place', async (flavor) => {
      const links = 'for f in 0 1 2; do test -c /proc/self/fd/$f || exit 9; done; exit 3';
      const script = flavor === 'fly' ? links : 'exit 3';

      expect((await through(CLOSED, run(flavor, script))).exitCode).toBe(3);
    });
  });

  describe('when nobody reads what it prints', () => {
    it('finishes its work all the same', async () => {
      const listed = await through('"$@" 2>&1 | true', ['image', 'list']);
      const fetched = await through('{ "$@" 2>&1; echo $? >&3; } 3>&1 | true', [
        'fetch',
        UNSIGNED,
        image,
      ]);

      expect([listed.exitCode, listed.stderr, fetched.exitCode]).toEqual([0, '', 0]);
    });

    it('ends an app by SIGPIPE that goes on writing, as if it were started by hand', async () => {
      const file = join(machine.workDir, 'status');
      const app = run('fly', 'sleep 0.3; while echo x; do :; done');
      await through(`{ "$@" 2>/dev/null; echo $? >"${file}"; } | true`, app);

      expect(readFileSync(file, 'utf8')).toBe('141\n');
    });
  });

  describe('under low limits', () => {
    it.each(FLAVORS)(
      'needs no more than 64 open files to fetch and to run under %s',
      async (flavor) => {
        const limit = 'ulimit -n 64; exec "$@"';
        const fetched = await through(limit, ['fetch', UNSIGNED, image]);
        const ran = await through(limit, run(flavor, 'ulimit -n; ulimit -Hn'));

        expect([fetched.exitCode, ran.exitCode]).toEqual([0, 0]);
        expect(ran.stdout.toString().match(/\b64\b/g)).toHaveLength(2);
      },
    );

    it('says so when it may open still fewer', async () => {
      let refused = 0;
      for (const limit of [26, 28, 30, 34]) {
        await using other = createPodContext();
        demandSuccess(await other.gantry(['fetch', UNSIGNED, image]), 'fetch');
        const command = `ulimit -n ${limit}; exec "$@"`;
        const argv = ['sh', '-c', command, 'sh', ...other.argv(...run('fly', 'exit 3'))] as const;
        const { exitCode, stderr } = await nodeExec.run({ argv, env: { PATH } });
        if (exitCode === 3) continue;
        refused += 1;
        expect([exitCode, stderr]).toEqual([254, expect.stringContaining('too many open files')]);
        expect(stderr).not.toContain('bug');
      }

      expect(refused).toBeGreaterThan(0);
    });

    it('says so when files may not become as large as they must', async () => {
      const limit = 'ulimit -f 8; exec "$@"';
      const fetched = await through(limit, ['fetch', UNSIGNED, image]);
      // The first run takes in a stage1 image.
      await using other = createPodContext();
      demandSuccess(await other.gantry(['fetch', UNSIGNED, image]), 'fetch');
      const argv = ['sh', '-c', limit, 'sh', ...other.argv(...run('nspawn', 'true'))] as const;
      const ran = await nodeExec.run({ argv, env: { PATH }, timeoutMs: 60_000 });

      for (const { exitCode, stderr } of [fetched, ran]) {
        expect([exitCode, stderr]).toEqual([
          254,
          expect.stringContaining('the file would become larger than is allowed'),
        ]);
        expect(stderr).toContain('ulimit -f');
        expect(stderr).not.toContain('bug');
      }
      expect((await machine.gantry([UNSIGNED, 'fetch', image])).exitCode).toBe(0);
    });
  });

  describe('in a directory that has been removed, or has an odd name', () => {
    it.each(FLAVORS)('fetches, and runs under %s', async (flavor) => {
      const gone = `mkdir "${machine.workDir}/gone"; cd "${machine.workDir}/gone"; rmdir ../gone; exec "$@"`;

      expect((await through(gone, ['fetch', UNSIGNED, image])).exitCode).toBe(0);
      expect((await through(gone, run(flavor, 'exit 3'))).exitCode).toBe(3);
    });

    it.each(FLAVORS)('resolves no path against a name that is not UTF-8, %s', async (flavor) => {
      const dir = `mkdir -p "${machine.workDir}/odd"; cd "${machine.workDir}/odd"; d=$(printf 'a\\377'); mkdir -p "$d"; cd "$d"; exec "$@"`;

      expect((await through(dir, ['fetch', UNSIGNED, image])).exitCode).toBe(0);
      expect((await through(dir, run(flavor, 'exit 3'))).exitCode).toBe(3);
      const relative = await through(dir, ['image', 'render', NAME, 'here']);
      expect(relative).toMatchObject({ exitCode: 254 });
      expect(relative.stderr).toContain('the name of the current directory is not UTF-8');
      const found = readdirSync(join(machine.workDir, 'odd'), { encoding: 'buffer' });
      expect(found.map((name) => name.toString('latin1'))).toEqual(['a\u00ff']);
    });
  });
});
