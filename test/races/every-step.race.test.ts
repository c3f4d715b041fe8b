import { cpSync, existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { withClock } from '../helpers/fake-clock.ts';
import { makeImage } from '../helpers/image-maker.ts';
import { type LeakWatch, watchLeaks } from '../helpers/leaks.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

// Kills gantry at every system call by which it changes the disk: no step may
// leave what the next command does not understand. A file that was only opened
// to be written is covered by the kill at what follows.

const UNSIGNED = '--insecure-options=image';
const NAME = 'example.com/step';
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
const TIME_LIMIT = { timeout: 400_000 };
/** So many are killed at once, where they do not get into each other's way. */
const AT_ONCE = 6;

const DISK_CALLS = [
  'mkdir,mkdirat,rmdir,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat',
  'write,writev,pwrite64,pwritev,truncate,ftruncate,fallocate,copy_file_range,sendfile',
  'chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,utimensat,mknod,mknodat',
  'setxattr,lsetxattr,fsetxattr,fsync,fdatasync,syncfs',
].join(',');

/** The UUID of the pod that is made for a step. */
const uuidOf = (step: number): string => `01234567-89ab-4cde-8f01-${`${step}`.padStart(12, '0')}`;

/** A machine of its own for each command, so that two can be searched at once. */
interface Machine {
  readonly context: PodContext;
  readonly leaks: LeakWatch;
  /** Whole pods to be copied into place: one that is prepared, one that has run. */
  readonly prepared: string;
  readonly exited: string;
}

describe.runIf(requires('root', 'overlay', 'busybox', 'strace', 'faketime'))(
  'gantry, killed at every step',
  () => {
    const machines: Machine[] = [];
    beforeAll(async () => {
      machines.push(await openMachine(), await openMachine());
    });
    afterAll(async () => {
      for (const { context } of machines) await context[Symbol.asyncDispose]();
    });

    async function openMachine(): Promise<Machine> {
      const context = createPodContext();
      const image = await makeImage(context.workDir, { name: NAME });
      demandSuccess(await context.gantry([UNSIGNED, 'fetch', image]), 'fetch');
      const put = async (name: string, run: boolean): Promise<string> => {
        const args = ['prepare', '--quiet', UNSIGNED, '--stage1-name=fly', NAME];
        const uuid = demandSuccess(await context.gantry(args), 'prepare')
          .stdout.toString()
          .trim();
        if (run)
          demandSuccess(await context.gantry(['run-prepared', UNSIGNED, uuid]), 'run-prepared');
        renameSync(podDir(context, run ? 'run' : 'prepared', uuid), join(context.workDir, name));
        return join(context.workDir, name);
      };
      const [prepared, exited] = [await put('prepared', false), await put('exited', true)];

      return { context, leaks: watchLeaks(context), prepared, exited };
    }

    const podDir = ({ dataDir }: PodContext, phase: string, uuid: string): string =>
      join(dataDir, 'pods', phase, uuid);
    const namesIn = ({ dataDir }: PodContext, ...path: readonly string[]): readonly string[] => {
      const folder = join(dataDir, ...path);
      return existsSync(folder) ? readdirSync(folder) : [];
    };

    /** One system call of a command, by its name and its place among those of that name. */
    interface Step {
      readonly number: number;
      readonly call: string;
      readonly when: number;
    }

    const strace = async (
      { context }: Machine,
      flags: readonly string[],
      args: readonly string[],
    ): Promise<ExecResult> =>
      await nodeExec.run({
        argv: ['strace', '-f', '--seccomp-bpf', ...flags, ...context.argv(...args)],
        env: ENVIRONMENT,
        timeoutMs: 60_000,
      });

    /** What a command does to the disk, found out by running it. */
    async function stepsOf(machine: Machine, search: Search): Promise<readonly Step[]> {
      const out = join(machine.context.workDir, 'trace');
      search.prepare(machine, 0);
      const traced = await strace(
        machine,
        ['-o', out, '-e', `trace=${DISK_CALLS}`],
        search.args(0),
      );
      demandSuccess(traced, search.args(0).join(' '));
      // Node's other threads change nothing on the disk; the program's own is the first to write.
      const lines = readFileSync(out, 'utf8').split('\n');
      const [main] = (lines[0] ?? '').split(' ');
      const calls = lines.flatMap((line) => {
        const [, pid, call] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
        return pid === main && call !== undefined ? [call] : [];
      });

      return calls.map((call, index) => {
        const when = calls.slice(0, index + 1).filter((each) => each === call).length;
        return { number: index + 1, call, when };
      });
    }

    interface Search {
      readonly args: (step: number) => readonly string[];
      /** Puts the pods there that the command works on. */
      readonly prepare: (machine: Machine, step: number) => void;
      /** How many at once; as many as may be unless told. */
      readonly atOnce?: number;
    }

    /** @returns how often it was killed */
    async function killAtEvery(machine: Machine, search: Search): Promise<number> {
      const steps = await stepsOf(machine, search);
      const { atOnce = AT_ONCE } = search;
      let killed = 0;
      for (let from = 0; from < steps.length; from += atOnce) {
        const some = steps.slice(from, from + atOnce);
        const results = await Promise.all(
          some.map(async ({ number, call, when }) => {
            search.prepare(machine, number);
            const inject = `inject=${call}:signal=KILL:when=${when}`;
            return await strace(machine, ['-o', '/dev/null', '-e', inject], search.args(number));
          }),
        );
        const what = `${search.args(0)[0]} at ${some.map((s) => `${s.call} ${s.when}`).join(', ')}`;
        for (const { exitCode, signal, stderr } of results) {
          expect([signal ?? exitCode, stderr], what).toEqual([
            expect.toBeOneOf(['SIGKILL', 0]),
            expect.not.stringContaining('bug'),
          ]);
          if (signal === 'SIGKILL') killed += 1;
        }
        await expectUnderstood(machine, what);
      }
      // One that finds another's work done has fewer steps.
      expect(killed).toBeGreaterThan(steps.length * 0.8);

      return killed;
    }

    /** The next commands see a whole machine, and clear up. */
    async function expectUnderstood({ context }: Machine, what: string): Promise<void> {
      const listed = await context.gantry(['list', '--format=json']);
      expect([listed.exitCode, listed.stderr], what).toEqual([0, '']);
      const pods = (JSON.parse(listed.stdout.toString()) ?? []) as readonly object[];
      for (const pod of pods) expect(pod, what).not.toHaveProperty('problem');

      const collected = await context.gantry(['gc', '--grace-period=0s', '--expire-prepared=0s']);
      expect([collected.exitCode, collected.stderr], what).toEqual([
        0,
        expect.not.stringMatching(/cannot|warning|bug/),
      ]);
      for (const phase of ['prepare', 'prepared', 'run', 'exited-garbage', 'garbage', 'names']) {
        expect(namesIn(context, 'pods', phase), `${phase} after ${what}`).toEqual([]);
      }
      expect(namesIn(context, 'cas', 'tmp'), what).toEqual([]);
    }

    async function expectNothingLeft({ context, leaks }: Machine): Promise<void> {
      // What was killed before its first lock is left alone for a minute.
      const gc = await withClock(context, '+2m', ['gc']);
      expect(gc.exitCode).toBe(0);
      expect(namesIn(context, 'pods', 'embryo')).toEqual([]);
      expect(await leaks.settled()).toEqual([]);
      demandSuccess(await context.gantry(['image', 'gc']), 'image gc');
      expect(namesIn(context, 'cas', 'imagelocks')).toEqual([]);
      expect(namesIn(context, 'cas', 'treestorelocks')).toEqual([]);
    }

    const place = (from: 'prepared' | 'exited', phase: string): Search['prepare'] => {
      return (machine, step) =>
        cpSync(machine[from], podDir(machine.context, phase, uuidOf(step)), { recursive: true });
    };
    const nothing = (): void => {};
    const fly = (step: number): readonly string[] => [
      UNSIGNED,
      '--stage1-name=fly',
      `--pod-name=step-${step}`,
      NAME,
    ];

    const SEARCHES: readonly (readonly Search[])[] = [
      [
        { args: (step) => ['prepare', '--quiet', ...fly(step)], prepare: nothing },
        { args: (step) => ['rm', uuidOf(step)], prepare: place('exited', 'run') },
        { args: (step) => ['rm', uuidOf(step)], prepare: place('prepared', 'prepared') },
        {
          args: (step) => ['run-prepared', UNSIGNED, uuidOf(step)],
          prepare: place('prepared', 'prepared'),
        },
      ],
      [
        {
          args: () => ['gc', '--grace-period=0s'],
          prepare: (machine) => {
            place('exited', 'run')(machine, 1);
            place('prepared', 'prepare')(machine, 2);
          },
          // One would do what the other is there to be killed at.
          atOnce: 1,
        },
        { args: (step) => ['run', ...fly(step)], prepare: nothing },
      ],
    ];

    it('leaves what the next command understands', TIME_LIMIT, async () => {
      const kills = await Promise.all(
        SEARCHES.map(async (searches, index) => {
          const machine = machines[index] as Machine;
          const counts: string[] = [];
          for (const search of searches) {
            counts.push(`${search.args(0)[0]} ${await killAtEvery(machine, search)} times`);
          }
          await expectNothingLeft(machine);
          return counts;
        }),
      );
      console.log(`killed ${kills.flat().join(', ')}`);
    });

    it('stops a pod, though it was killed while it stopped it', TIME_LIMIT, async () => {
      const [machine] = machines as [Machine];
      const { context } = machine;
      for (const call of ['kill', 'pidfd_send_signal', 'clone', 'vfork,clone3']) {
        const app = ['--exec=/bin/sh', '--', '-c', 'echo ready; exec sleep 300'];
        const pod = context.start(['run', ...fly(0), ...app]);
        await new Promise((resolve) => pod.stdout.once('data', resolve));
        await strace(
          machine,
          ['-o', '/dev/null', '-e', `inject=${call}:signal=KILL`],
          ['stop', 'step-0'],
        );
        demandSuccess(await context.gantry(['stop', 'step-0']), 'stop');
        await pod.ended;
        await expectUnderstood(machine, `stop at ${call}`);
      }
      await expectNothingLeft(machine);
    });
  },
);
