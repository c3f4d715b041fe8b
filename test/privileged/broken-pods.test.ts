import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { emptyDirSync } from 'fs-extra/esm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { makeImage } from '../helpers/image-maker.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const UNSIGNED = '--insecure-options=image';
const NAME = 'example.com/broken';
const FIFO = 0o010_600;
/** Nobody makes a pod by this name by chance. */
const UUID = '01234567-89ab-4cde-8f01-23456789abcd';

interface Damage {
  readonly what: string;
  readonly do: (dir: string) => void;
  /** What `list` says of it; undefined when the pod can be read all the same. */
  readonly problem: string | undefined;
}

const swap = (path: string, make: () => void): void => {
  rmSync(path, { recursive: true, force: true });
  make();
};
const cut = (name: string): Damage['do'] => {
  return (dir) => writeFileSync(join(dir, name), '{"acKind":"Po');
};
const drop = (name: string): Damage['do'] => {
  return (dir) => rmSync(join(dir, name), { recursive: true });
};
const newer: Damage['do'] = (dir) => writeFileSync(join(dir, 'version'), '2\n');
const pipe = (name: string): Damage['do'] => {
  return (dir) => swap(join(dir, name), () => linuxKernel.makeNode(join(dir, name), FIFO));
};
const folder = (name: string): Damage['do'] => {
  return (dir) => swap(join(dir, name), () => mkdirSync(join(dir, name)));
};
const link = (name: string): Damage['do'] => {
  return (dir) => swap(join(dir, name), () => symlinkSync('/dev/zero', join(dir, name)));
};

const DAMAGES: readonly Damage[] = [
  { what: 'no manifest', do: drop('pod'), problem: 'cannot read pod: it has no manifest' },
  { what: 'a manifest that was cut off', do: cut('pod'), problem: 'cannot read pod manifest' },
  { what: 'a pipe for a manifest', do: pipe('pod'), problem: '"pod": it is not a regular file' },
  { what: 'a folder for a manifest', do: folder('pod'), problem: '"pod": it is not a regular' },
  { what: 'an endless manifest', do: link('pod'), problem: '"pod": it is not a regular file' },
  { what: 'a format that is no number', do: cut('version'), problem: 'does not hold a number' },
  {
    what: 'an empty format',
    do: (dir) => writeFileSync(join(dir, 'version'), ''),
    problem: 'is empty, as after a power loss',
  },
  { what: 'a pipe for a format', do: pipe('version'), problem: '"version": it is not a regular' },
  { what: 'no stage1 manifest', do: drop('stage1/manifest'), problem: 'no stage1 manifest' },
  { what: 'half a stage1 manifest', do: cut('stage1/manifest'), problem: 'image manifest' },
  { what: 'no stage1', do: drop('stage1'), problem: 'no stage1 manifest' },
  { what: 'half an id of a tree', do: cut('stage1TreeStoreID'), problem: 'no id of a tree' },
  {
    what: 'a file for appsinfo',
    do: (dir) => swap(join(dir, 'appsinfo'), () => writeFileSync(join(dir, 'appsinfo'), '')),
    problem: undefined,
  },
  {
    what: 'a pipe for a name',
    do: pipe('pod-name'),
    problem: '"pod-name": it is not a regular file',
  },
  {
    what: 'nothing in it at all',
    do: (dir) => readdirSync(dir).forEach((name) => drop(name)(dir)),
    problem: 'no manifest',
  },
  {
    what: 'files of others in it',
    do: (dir) => writeFileSync(join(dir, 'core.1234'), 'x'),
    problem: undefined,
  },
];

describe.runIf(requires('root', 'overlay', 'busybox', 'nspawn'))('broken pods', () => {
  let machine: PodContext;
  /** Whole pods, to be copied. */
  let whole: Readonly<Record<'prepared' | 'run', string>>;
  beforeAll(async () => {
    machine = createPodContext();
    const image = await makeImage(machine.workDir, { name: NAME });
    demandSuccess(await gantry('fetch', UNSIGNED, image), 'fetch');
    const [one, other] = [await prepare(), await prepare()];
    demandSuccess(await gantry('run-prepared', UNSIGNED, one), 'run-prepared');
    whole = {
      prepared: join(machine.workDir, 'prepared'),
      run: join(machine.workDir, 'exited'),
    };
    renameSync(dirOf('run', one), whole.run);
    renameSync(dirOf('prepared', other), whole.prepared);
  });
  afterAll(async () => {
    await machine[Symbol.asyncDispose]();
  });

  afterEach(() => {
    for (const phase of ['prepared', 'run', 'exited-garbage']) {
      emptyDirSync(join(machine.dataDir, 'pods', phase));
    }
  });

  const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
    await machine.gantry(args, { timeoutMs: 20_000 });
  const dirOf = (phase: string, uuid: string): string => join(machine.dataDir, 'pods', phase, uuid);
  const prepare = async (): Promise<string> => {
    const args = ['prepare', '--quiet', UNSIGNED, '--stage1-name=fly', NAME];
    return demandSuccess(await gantry(...args), 'prepare')
      .stdout.toString()
      .trim();
  };
  const uuidOf = (index: number): string => `${index}`.padStart(8, '0') + UUID.slice(8);
  const uuids = DAMAGES.map((_, index) => uuidOf(index));

  function breakAll(phase: 'prepared' | 'run', from = 0): void {
    DAMAGES.forEach(({ do: damage }, index) => {
      const dir = dirOf(phase, uuidOf(from + index));
      cpSync(whole[phase], dir, { recursive: true });
      damage(dir);
    });
  }

  /** What is said of every pod, in the order of their UUIDs. */
  async function listed(): Promise<readonly { name: string; state: string; problem?: string }[]> {
    const { stdout, stderr } = demandSuccess(await gantry('list', '--format=json'), 'list');
    expect(stderr).toBe('');

    return JSON.parse(stdout.toString()) as { name: string; state: string; problem?: string }[];
  }

  it.each([
    ['prepared', 'prepared'],
    ['run', 'exited'],
  ] as const)('in "%s" are listed with the reason, and removable', async (phase, state) => {
    breakAll(phase);
    const seen = await listed();
    expect(seen.map(({ name }) => name)).toEqual(uuids);
    DAMAGES.forEach(({ what, problem }, index) => {
      expect(seen[index]?.state, what).toBe(state);
      if (problem === undefined) expect(seen[index]?.problem, what).toBeUndefined();
      else expect(seen[index]?.problem, what).toContain(problem);
    });

    const table = (await gantry('list', '--full')).stdout.toString().split('\n');
    expect(table[0]).toContain('PROBLEM');
    expect(table[1]).toMatch(/^00000000-.*cannot read pod: it has no manifest$/);
    const status = (await gantry('status', uuids[0] ?? '')).stdout.toString();
    expect(status).toContain('problem=cannot read pod: it has no manifest\n');
    expect((await gantry('image', 'gc')).exitCode).toBe(0);
    const removed = await gantry('rm', ...uuids);
    expect(removed.stdout.toString()).toBe(uuids.map((uuid) => `"${uuid}"\n`).join(''));
    expect(removed.exitCode).toBe(0);
    for (const uuid of uuids) expect(existsSync(dirOf(phase, uuid))).toBe(false);
  });

  it('are answered by every command in words', async () => {
    breakAll('run');
    const commands = ['cat-manifest', 'logs', 'wait', 'export'];
    for (const [at, uuid] of uuids.entries()) {
      const out = join(machine.workDir, `out-${at}.aci`);
      const name = commands[at % commands.length] ?? '';
      const answers = await Promise.all([
        gantry('inspect', uuid),
        gantry(name, uuid, ...(name === 'export' ? [out] : [])),
      ]);
      for (const { argv, exitCode, stderr } of answers) {
        const what = `${DAMAGES[at]?.what}: ${argv.slice(4).join(' ')}`;
        expect([0, 254], what).toContain(exitCode);
        expect(stderr, what).not.toContain('bug');
      }
    }
  });

  it('are left alone and refused when a newer gantry made them', async () => {
    const refusal = 'its format is 2, this gantry knows formats up to 1';
    const [ended, prepared] = [uuidOf(1), uuidOf(2)];
    cpSync(whole.run, dirOf('run', ended), { recursive: true });
    cpSync(whole.prepared, dirOf('prepared', prepared), { recursive: true });
    newer(dirOf('run', ended));
    newer(dirOf('prepared', prepared));
    const collect = ['gc', '--grace-period=0s', '--expire-prepared=0s'];
    const refused: readonly (readonly string[])[] = [
      ['run-prepared', UNSIGNED, prepared],
      ['cat-manifest', prepared],
      ['logs', ended],
      ['rm', ended, prepared],
      ['image', 'gc'],
      collect,
    ];
    for (const args of refused) {
      const { exitCode, stderr } = await gantry(...args);
      expect([args, exitCode, stderr]).toEqual([args, 254, expect.stringContaining(refusal)]);
      expect(stderr).toContain('use the newer gantry that made it');
    }

    expect((await listed()).map(({ problem }) => problem)).toEqual([
      `cannot read pod ${ended}: ${refusal}`,
      `cannot read pod ${prepared}: ${refusal}`,
    ]);
    expect(existsSync(dirOf('run', ended))).toBe(true);
    expect(existsSync(dirOf('prepared', prepared))).toBe(true);
  });

  it('are not even looked for where a newer gantry has changed their folders', async () => {
    const version = join(machine.dataDir, 'pods', 'version');
    expect(readFileSync(version, 'utf8')).toBe('1\n');
    writeFileSync(version, '2\n');
    try {
      const run = ['run', UNSIGNED, '--stage1-name=fly', NAME];
      for (const args of [['list'], ['rm', uuidOf(1)], ['gc'], ['image', 'gc'], run]) {
        const { exitCode, stderr } = await gantry(...args);
        expect([args, exitCode]).toEqual([args, 254]);
        expect(stderr).toContain(`cannot use the pods in "${dirname(version)}": its format is 2`);
      }
    } finally {
      writeFileSync(version, '1\n');
    }
  });

  it('are collected', async () => {
    breakAll('run');
    breakAll('prepared', DAMAGES.length);
    const collected = await gantry('gc', '--grace-period=0s', '--expire-prepared=0s');

    expect(collected.exitCode).toBe(0);
    expect(collected.stderr).not.toContain('bug');
    expect((await gantry('list', '--no-legend')).stdout.toString()).toBe('');
  });

  const STRANGERS: readonly (readonly [what: string, make: (path: string) => void])[] = [
    ['a file', (path) => writeFileSync(path, 'x')],
    ['a pipe', (path) => linuxKernel.makeNode(path, FIFO)],
    ['a link to a folder', (path) => symlinkSync(machine.workDir, path)],
    ['a link to nothing', (path) => symlinkSync('nothing', path)],
  ];

  it.each([
    ['run', 'exited'],
    ['prepared', 'prepared'],
    ['exited-garbage', 'exited garbage'],
  ])('in "%s" that are no directories are not followed', async (phase, state) => {
    const kept = join(machine.workDir, 'kept');
    writeFileSync(kept, '');
    const strangers = STRANGERS.map((_, index) => uuidOf(index));
    const all = ['gc', '--grace-period=0s', '--expire-prepared=0s'];
    for (const remove of [['rm', ...strangers], all]) {
      STRANGERS.forEach(([, make], index) => make(dirOf(phase, uuidOf(index))));
      const problem = 'it is not a directory';
      expect(await listed()).toMatchObject(strangers.map((name) => ({ name, state, problem })));
      const run = await gantry('run-prepared', UNSIGNED, uuidOf(0));
      expect(run.stderr).toMatch(/not prepared|it is not a directory/);
      expect(await gantry(...remove)).toMatchObject({ exitCode: 0 });
      for (const uuid of strangers) {
        expect(lstatSync(dirOf(phase, uuid), { throwIfNoEntry: false })).toBeUndefined();
      }
      expect(existsSync(kept)).toBe(true);
    }
  });

  it.each([
    ['fly', [drop('pid'), drop('stage1/manifest'), newer]],
    ['nspawn', [cut('ppid'), drop('pod'), newer]],
  ])('can be stopped by force while they run under %s', async (flavor, damages) => {
    for (const damage of damages) {
      const app = ['--exec=/bin/sh', '--', '-c', 'trap "" TERM; echo ready; sleep 300'];
      const pod = machine.start(['run', UNSIGNED, `--stage1-name=${flavor}`, NAME, ...app]);
      await new Promise((resolve) => pod.stdout.once('data', resolve));
      const { stdout } = await gantry('list', '--no-legend', '--full', '--state=running');
      const [uuid = ''] = stdout.toString().split(' ');
      damage(dirOf('run', uuid));

      expect((await gantry('rm', uuid)).stderr).toContain('it is running, not prepared or exited');
      if (damage === newer) {
        expect((await gantry('stop', uuid)).stderr).toContain('"gantry stop --force" kills');
      }
      expect((await gantry('stop', '--force', uuid)).exitCode).toBe(0);
      expect((await pod.ended).exitCode).not.toBe(0);
      writeFileSync(join(dirOf('run', uuid), 'version'), '1\n');
      expect((await gantry('rm', uuid)).exitCode).toBe(0);
    }
  });
});
