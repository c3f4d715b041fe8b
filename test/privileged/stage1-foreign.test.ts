import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFlyPods, type FlyPods } from '../helpers/fly-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/for-foreign';
const STAGE1 = 'example.com/stage1-foreign';

describe.runIf(requires('root', 'overlay', 'busybox'))('a stage1 made by somebody else', () => {
  let pods: FlyPods;
  let dir: string;
  beforeAll(async () => {
    pods = createFlyPods();
    dir = mkdtempSync(join(tmpdir(), 'foreign-'));
    await pods.add({ name: NAME, prepare: (rootfs) => mkdirSync(join(rootfs, 'a-folder')) });
    await pods.add({
      name: STAGE1,
      app: null,
      manifest: {
        annotations: [
          { name: 'coreos.com/rkt/stage1/run', value: '/init' },
          { name: 'coreos.com/rkt/stage1/gc', value: '/gc' },
          { name: 'coreos.com/rkt/stage1/interface-version', value: '2' },
        ],
      },
      prepare: (rootfs) => {
        const init = [
          '#!/bin/sh',
          'echo "$0"',
          'for a; do echo "$a"; done',
          'pwd',
          'readlink /proc/self/fd/$RKT_LOCK_FD',
          'ls -d stage1/rootfs/opt/stage2/for-foreign/rootfs/a-*',
          'echo $$ >pid',
          'grep SigIgn /proc/$$/status',
          'exit 6',
          '',
        ].join('\n');
        writeFileSync(join(rootfs, 'init'), init, { mode: 0o755 });
        const gc = `#!/bin/sh\n[ ! -e ${dir}/broken ] && echo "$@" >${dir}/collected\n`;
        writeFileSync(join(rootfs, 'gc'), gc, { mode: 0o755 });
      },
    });
  });
  afterAll(async () => {
    rmSync(dir, { recursive: true });
    await pods[Symbol.asyncDispose]();
  });

  it('runs, with the arguments and environment of rkt, and collects', async () => {
    const { context } = pods;
    const uuidFile = join(dir, 'uuid');
    const { stdout, stderr, exitCode } = await context.gantry([
      '--insecure-options=image',
      'run',
      `--stage1-name=${STAGE1}`,
      `--uuid-file-save=${uuidFile}`,
      '--net=host',
      '--hostname=pod',
      '--dns=host',
      NAME,
    ]);
    const uuid = readFileSync(uuidFile, 'utf8').trim();
    const podDir = join(context.dataDir, 'pods', 'run', uuid);

    expect(exitCode).toBe(6);
    expect(stdout.toString().trim().split('\n')).toEqual([
      join(podDir, 'stage1', 'rootfs', 'init'),
      '--net=host',
      `--local-config=${context.localConfig}`,
      '--hostname=pod',
      uuid,
      podDir,
      podDir,
      'stage1/rootfs/opt/stage2/for-foreign/rootfs/a-folder',
      'SigIgn:\t0000000000000000',
    ]);
    expect(stderr).toContain('too old to be told of dns-conf-mode');

    writeFileSync(join(dir, 'broken'), '');
    expect((await context.gantry(['rm', uuid])).stderr).toContain('could not be given back');
    rmSync(join(dir, 'broken'));
    expect((await context.gantry(['rm', uuid])).exitCode).toBe(0);
    expect(readFileSync(join(dir, 'collected'), 'utf8')).toBe(`${uuid}\n`);
  });

  it('does not keep a pod that is removed by force', async () => {
    writeFileSync(join(dir, 'broken'), '');
    const uuidFile = join(dir, 'forced');
    const run = ['--insecure-options=image', 'run', `--stage1-name=${STAGE1}`, '--net=host'];
    await pods.context.gantry([...run, `--uuid-file-save=${uuidFile}`, NAME]);
    const { exitCode, stderr } = await pods.context.gantry([
      'rm',
      '--force',
      `--uuid-file=${uuidFile}`,
    ]);
    rmSync(join(dir, 'broken'));

    expect([exitCode, stderr]).toEqual([
      0,
      expect.stringMatching(/ended with status 1\n.*may be left$/m),
    ]);
    expect((await pods.context.gantry(['list', '--no-legend'])).stdout.toString()).toBe('');
  });

  it('is stopped by a signal when it has no entrypoint for that', async () => {
    const { context } = pods;
    await pods.add({
      name: 'example.com/stage1-sleeping',
      app: null,
      manifest: {
        annotations: [{ name: 'coreos.com/rkt/stage1/run', value: '/init' }],
      },
      prepare: (rootfs) => {
        const init = '#!/bin/sh\necho $$ >pid\necho ready\nexec sleep 60\n';
        writeFileSync(join(rootfs, 'init'), init, { mode: 0o755 });
      },
    });
    const pod = context.start([
      '--insecure-options=image',
      'run',
      '--stage1-name=example.com/stage1-sleeping',
      `--uuid-file-save=${join(dir, 'sleeping')}`,
      NAME,
    ]);
    await new Promise((resolve) => pod.stdout.once('data', resolve));
    const uuid = readFileSync(join(dir, 'sleeping'), 'utf8').trim();
    const entered = await context.gantry(['enter', uuid, '/bin/true']);

    expect(entered.stderr).toContain('has no entrypoint for it');
    expect((await context.gantry(['stop', uuid])).exitCode).toBe(0);
    expect((await pod.ended).signal).toBe('SIGTERM');
    expect((await context.gantry(['rm', uuid])).exitCode).toBe(0);
  });

  it.each([
    ['never settles', 'await new Promise(() => {})', 'its "run" waits for something'],
    ['throws', 'throw new Error("oops")', 'oops'],
    ['leaves a promise behind', 'void Promise.reject(new Error("left")); return 3', 'left'],
  ])('is told to have failed when its JavaScript %s', async (what, body, message) => {
    const name = `example.com/stage1-${what.replaceAll(' ', '-')}`;
    await pods.add({
      name,
      app: null,
      manifest: { annotations: [{ name: 'coreos.com/rkt/stage1/run', value: '/init.mjs' }] },
      prepare: (rootfs) => {
        const script = `export const entrypoint = async () => { ${body}; };\n`;
        writeFileSync(join(rootfs, 'init.mjs'), script);
      },
    });
    const run = ['--insecure-options=image', 'run', `--stage1-name=${name}`, NAME];
    const { exitCode, stderr } = await pods.context.gantry(run);

    expect([exitCode, stderr]).toEqual([
      254,
      expect.stringContaining(`stage1 "${name}" failed: ${message}`),
    ]);
    expect(stderr).not.toContain('bug in gantry');
  });

  it.each([
    ['names an interpreter that is not there', '#!/no/such\n', 0o755],
    ['is no program', 'echo\n', 0o755],
    ['is not executable', '#!/bin/sh\n', 0o644],
  ])('is refused when its run %s', async (state, text, mode) => {
    const name = `example.com/stage1-${state.replaceAll(' ', '-')}`;
    await pods.add({
      name,
      app: null,
      manifest: {
        annotations: [
          { name: 'coreos.com/rkt/stage1/run', value: '/init' },
          { name: 'coreos.com/rkt/stage1/interface-version', value: '9' },
        ],
      },
      prepare: (rootfs) => writeFileSync(join(rootfs, 'init'), text, { mode }),
    });
    const run = ['--insecure-options=image', 'run', `--stage1-name=${name}`, NAME];
    const { exitCode, stderr } = await pods.context.gantry(run);

    expect([exitCode, stderr]).toEqual([
      254,
      expect.stringContaining(`"/init" of stage1 image "${name}" ${state}\n`),
    ]);
    expect(stderr).toMatch(/^hint: /m);
    expect(stderr).toContain('speaks version 9 of the interface, this gantry versions up to 8');
  });

  it.each(['--timeout=1s', '--force'])('is stopped by %s when its stop hangs', async (flag) => {
    const { context } = pods;
    const name = 'example.com/stage1-hanging';
    const uuidFile = join(dir, `hanging${flag}`);
    await pods.add({
      name,
      app: null,
      manifest: {
        annotations: [
          { name: 'coreos.com/rkt/stage1/run', value: '/init' },
          { name: 'coreos.com/rkt/stage1/stop', value: '/stop' },
        ],
      },
      prepare: (rootfs) => {
        const init = '#!/bin/sh\necho $$ >pid\necho ready\nexec sleep 60\n';
        writeFileSync(join(rootfs, 'init'), init, { mode: 0o755 });
        writeFileSync(join(rootfs, 'stop'), '#!/bin/sh\nsleep 600\n', { mode: 0o755 });
      },
    });
    const run = ['--insecure-options=image', 'run', `--stage1-name=${name}`];
    const pod = context.start([...run, `--uuid-file-save=${uuidFile}`, NAME]);
    await new Promise((resolve) => pod.stdout.once('data', resolve));
    const { exitCode, stderr, durationMs } = await context.gantry([
      'stop',
      flag,
      `--uuid-file=${uuidFile}`,
    ]);

    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('its "stop" has not ended')]);
    expect(durationMs).toBeLessThan(20_000);
    expect((await pod.ended).signal).toBe('SIGKILL');
  });

  it('is refused for what it has no entrypoint for', async () => {
    const { exitCode, stderr } = await pods.context.gantry([
      '--insecure-options=image',
      'run',
      `--stage1-name=${NAME}`,
      NAME,
    ]);

    expect(exitCode).toBe(254);
    expect(stderr).toContain(`cannot use image "${NAME}" as a stage1`);
  });
});
