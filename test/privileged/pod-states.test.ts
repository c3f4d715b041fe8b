import { cpSync, existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { emptyDirSync } from 'fs-extra/esm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { lockPath } from '#base/lock/directory-lock';
import { POD_PHASES } from '../../stage0/pod/pod-dirs.ts';
import { makeImage } from '../helpers/image-maker.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const UNSIGNED = '--insecure-options=image';
const NAME = 'example.com/state';
const UUID = '01234567-89ab-4cde-8f01-23456789abcd';
const OTHER = '01234567-89ab-4cde-9f01-23456789abcd';

/** Every command that takes a pod, with what else it needs. */
const COMMANDS: readonly (readonly string[])[] = [
  ['cat-manifest'],
  ['enter'],
  ['export', 'FILE'],
  ['inspect'],
  ['logs'],
  ['rm'],
  ['run-prepared', UNSIGNED],
  ['status'],
  ['stop'],
  ['top'],
  ['wait'],
];

describe.runIf(requires('root', 'overlay', 'busybox'))('a pod', () => {
  let machine: PodContext;
  /** A pod that was prepared, to be copied to wherever it is wanted. */
  let model: string;
  beforeAll(async () => {
    machine = createPodContext();
    const image = await makeImage(machine.workDir, { name: NAME });
    demandSuccess(await gantry('fetch', UNSIGNED, image), 'fetch');
    const prepare = ['prepare', '--quiet', UNSIGNED, '--stage1-name=fly', NAME];
    const uuid = demandSuccess(await gantry(...prepare), 'prepare')
      .stdout.toString()
      .trim();
    model = join(machine.workDir, 'model');
    renameSync(dirOf('prepared', uuid), model);
  });
  afterAll(async () => {
    await machine[Symbol.asyncDispose]();
  });
  afterEach(() => {
    for (const phase of [...POD_PHASES, 'names']) {
      emptyDirSync(join(machine.dataDir, 'pods', phase));
    }
  });

  const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
    await machine.gantry(args, { timeoutMs: 20_000 });
  const dirOf = (phase: string, uuid: string): string => join(machine.dataDir, 'pods', phase, uuid);
  const put = (phase: string, uuid: string): string => {
    cpSync(model, dirOf(phase, uuid), { recursive: true });
    return dirOf(phase, uuid);
  };
  const call = async (
    [name = '', ...rest]: readonly string[],
    ...pod: readonly string[]
  ): Promise<ExecResult> => {
    const flags = rest.filter((each) => each.startsWith('--'));
    const files = rest.includes('FILE') ? [join(machine.workDir, `out-${Math.random()}.aci`)] : [];
    return await gantry(name, ...flags, ...pod, ...files);
  };
  const inFile = (text: string): string => {
    const path = join(machine.workDir, `file-${Math.random()}`);
    writeFileSync(path, text);
    return `--uuid-file=${path}`;
  };

  const REFUSED: readonly (readonly [pod: () => readonly string[], said: RegExp])[] = [
    [() => ['ffffffff'], /cannot find pod "ffffffff": no such pod/],
    [() => ['--uuid-file=/no/such/file'], /cannot read UUID file "\/no\/such\/file": no such file/],
    [() => ['01234567'], /cannot find pod "01234567": 2 pods begin so\nhint: one of 01234567-/],
    [() => ['../../etc'], /cannot find pod "..\/..\/etc": no pod is called so/],
    [() => [inFile('nonsense\n')], /cannot find pod "nonsense": no pod is called so/],
    [() => [inFile('')], /cannot read UUID file ".*": it is empty/],
    [() => [UUID, '--uuid-file=/no/such/file'], /a UUID and --uuid-file exclude each other/],
    [() => [], /no pod is given/],
  ];

  it('that is not there, or not to be told from another, is refused', async () => {
    put('prepared', UUID);
    put('run', OTHER);
    const calls = [
      ...REFUSED.map(([pod, said]) => ({ command: ['status'], pod: pod(), said })),
      ...COMMANDS.flatMap((command) =>
        REFUSED.slice(0, 2).map(([pod, said]) => ({ command, pod: pod(), said })),
      ),
    ];
    for (const { command, pod, said } of calls) {
      const { exitCode, stderr } = await call(command, ...pod);
      expect(stderr, command.join(' ')).toMatch(said);
      expect(exitCode).toBe(254);
    }
    expect(existsSync(dirOf('prepared', UUID)) && existsSync(dirOf('run', OTHER))).toBe(true);
  });

  it('is found by the beginning of its UUID and by a file, in every command', async () => {
    put('exited-garbage', OTHER);
    const names = ['0', OTHER.slice(0, 20).toUpperCase(), inFile(`  ${OTHER}\n`)];
    for (const [index, command] of COMMANDS.filter(([name]) => name !== 'rm').entries()) {
      for (const pod of [names[2] ?? '', names[index % 2] ?? '']) {
        const { stderr } = await call(command, pod);
        expect(stderr, command.join(' ')).not.toMatch(/cannot (find|read UUID)/);
      }
    }
    expect((await gantry('rm', inFile(OTHER))).stdout.toString()).toBe(`"${OTHER}"\n`);
  });

  const REFUSALS: readonly (readonly [
    phase: string,
    locked: boolean,
    refused: Readonly<Record<string, string>>,
  ])[] = [
    [
      'prepare',
      true,
      {
        enter: 'enter pod UUID: it is preparing, not running',
        export: 'export pod UUID: it is preparing, not exited',
        rm: 'remove pod UUID: it is preparing, not prepared or exited',
        'run-prepared': 'run pod UUID: it is preparing, not prepared',
        stop: 'stop pod UUID: it is preparing, not running',
        logs: 'read the logs of pod UUID: it is preparing, not running or exited',
      },
    ],
    [
      'prepare',
      false,
      {
        'run-prepared': 'run pod UUID: it is aborted prepare, not prepared',
        wait: 'wait for the end of pod UUID: it is aborted prepare, not prepared or running',
      },
    ],
    [
      'prepared',
      false,
      {
        enter: 'enter pod UUID: it is prepared, not running',
        export: 'export pod UUID: it is prepared, not exited',
        stop: 'stop pod UUID: it is prepared, not running',
        logs: 'read the logs of pod UUID: it is prepared, not running or exited',
      },
    ],
    [
      'run',
      true,
      {
        export: 'export pod UUID: it is running, not exited',
        rm: 'remove pod UUID: it is running, not prepared or exited',
        'run-prepared': 'run pod UUID: it is running, not prepared',
      },
    ],
    [
      'run',
      false,
      {
        enter: 'enter pod UUID: it is exited, not running',
        top: 'measure pod UUID: it is exited, not running',
        'run-prepared': 'run pod UUID: it is exited, not prepared',
      },
    ],
    [
      'exited-garbage',
      false,
      {
        enter: 'enter pod UUID: it is exited garbage, not running',
        'run-prepared': 'run pod UUID: it is exited garbage, not prepared',
      },
    ],
    [
      'exited-garbage',
      true,
      {
        export: 'export pod UUID: it is exited deleting, not exited',
      },
    ],
  ];

  it.each(REFUSALS)(
    'in "%s" (locked: %s) is refused with both states named',
    async (phase, locked, refused) => {
      const dir = put(phase, UUID);
      using lock = locked ? lockPath(linuxKernel, dir, 'exclusive') : undefined;
      const entries = Object.entries(refused);
      const results = await Promise.all(
        entries.map(([name]) => call(COMMANDS.find(([each]) => each === name) ?? [], UUID)),
      );

      results.forEach(({ exitCode, stderr }, index) => {
        expect(stderr).toContain(`cannot ${entries[index]?.[1].replace('UUID', UUID)}\n`);
        expect(exitCode).toBe(254);
      });
      expect(existsSync(dir)).toBe(true);
      lock?.release();
    },
  );

  it('that another gantry removes is waited for, and then removed', async () => {
    for (const phase of ['exited-garbage', 'run']) {
      const dir = put(phase, UUID);
      const lock = lockPath(linuxKernel, dir, phase === 'run' ? 'shared' : 'exclusive');
      const removal = gantry('rm', UUID);
      setTimeout(() => {
        renameSync(dir, join(machine.workDir, `removed-${phase}`));
        lock.release();
      }, 700);

      const { exitCode, stdout, stderr } = await removal;
      expect(stderr).toContain(`another gantry has removed pod "${UUID}"`);
      expect([exitCode, stdout.toString()]).toEqual([0, `"${UUID}"\n`]);
    }
  });

  it('is waited for until whoever prepares it gives up', async () => {
    const lock = lockPath(linuxKernel, put('prepare', UUID), 'exclusive');
    const waiting = gantry('wait', UUID);
    setTimeout(() => lock.release(), 500);

    expect((await waiting).stderr).toContain('it is aborted prepare, not prepared or running');
  });
});
