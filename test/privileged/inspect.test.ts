import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/looked-at';
const script = (text: string): readonly string[] => ['--exec=/bin/sh', '--', '-c', text, '---'];

interface Details {
  readonly pid: number;
  readonly directory: string;
  readonly processes: readonly number[];
  readonly app_directories: Readonly<Record<string, string>>;
  readonly cgroups: readonly { readonly directory: string }[];
  readonly manifest?: { readonly apps: readonly object[] };
  readonly problems?: readonly string[];
}

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('gantry inspect', () => {
  let pods: NspawnPods;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const inspect = async (...args: readonly string[]): Promise<Details> => {
    const result = await pods.context.gantry(['inspect', ...args]);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    return JSON.parse(result.stdout.toString()) as Details;
  };

  it('tells of a running nspawn pod where everything of it is', async () => {
    const text = 'touch /made; echo ready; exec sleep 300';
    const pod = await pods.start(['--pod-name=seen', NAME, ...script(text)]);
    const details = await inspect('seen');

    expect(details).toMatchObject({
      name: pod.uuid,
      pod_name: 'seen',
      state: 'running',
      directory: pod.dir,
      overlay: true,
      released: false,
      stage1: { name: 'gantry.sh/stage1-nspawn', interface_version: 8 },
      manifest: { acKind: 'PodManifest', apps: [{ name: 'looked-at' }] },
      accepted: {
        'looked-at': { how: 'insecure', source: expect.stringContaining('/') as string },
      },
    });
    expect(details.processes).toContain(details.pid);
    expect(readFileSync(`/proc/${details.pid}/comm`, 'utf8')).toBe('systemd\n');
    expect(existsSync(join(details.app_directories['looked-at'] ?? '', 'made'))).toBe(true);
    for (const { directory } of details.cgroups) expect(existsSync(directory)).toBe(true);
    expect(details.problems).toBeUndefined();
    pod.program.kill('SIGTERM');
    await pod.program.ended;
  });

  it('tells how a pod ended', async () => {
    const pod = await pods.start([NAME, '--name=one', ...script('echo ready; exit 3')]);
    await pod.program.ended;
    await pods.context.gantry(['wait', pod.uuid]);
    const details = await inspect('--pretty-print=false', pod.uuid);

    expect(details).toMatchObject({
      state: 'exited',
      exit_code: 3,
      apps: [{ name: 'one', state: 'exited', exit_code: 3 }],
      processes: [],
    });
  });

  it('tells of a fly pod, without a status that nobody noted', async () => {
    const pod = await pods.start([
      '--stage1-name=fly',
      '--no-overlay',
      NAME,
      ...script('touch /made; echo ready; sleep 1'),
    ]);
    const details = await inspect(pod.uuid);
    await pod.program.ended;

    expect(details).toMatchObject({ overlay: false, stage1: { name: 'gantry.sh/stage1-fly' } });
    expect(existsSync(join(details.app_directories['looked-at'] ?? '', 'made'))).toBe(true);
    expect(await inspect(pod.uuid)).not.toHaveProperty('exit_code');
  });

  it.each([
    ['no manifest', (dir: string) => rmSync(join(dir, 'pod')), 'it has no manifest'],
    [
      'a manifest that was cut off',
      (dir: string) => writeFileSync(join(dir, 'pod'), '{"acKind":"PodMan'),
      'cannot read pod manifest',
    ],
    [
      'no stage1 manifest',
      (dir: string) => rmSync(join(dir, 'stage1', 'manifest')),
      'it has no stage1 manifest',
    ],
  ])('tells what is wrong with a pod with %s', async (_what, damage, problem) => {
    const { stdout } = await pods.context.gantry([
      'prepare',
      '--quiet',
      '--insecure-options=image',
      NAME,
    ]);
    const uuid = stdout.toString().trim();
    const dir = join(pods.context.dataDir, 'pods', 'prepared', uuid);
    damage(dir);
    const details = await inspect(uuid);

    expect(details).toMatchObject({ name: uuid, state: 'prepared', directory: dir });
    expect(details.problems?.join('\n')).toContain(problem);
    expect((await pods.context.gantry(['rm', uuid])).exitCode).toBe(0);
  });

  it('refuses what is no pod', async () => {
    const { exitCode, stderr } = await pods.context.gantry(['inspect', 'nobody']);

    expect(exitCode).toBe(254);
    expect(stderr).toContain('no pod is called so');
  });
});
