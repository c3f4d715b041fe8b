import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/named';
const SLEEP = ['--exec=/bin/sh', '--', '-c', 'echo ready; exec sleep 300'];

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('names of pods', () => {
  let pods: NspawnPods;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
    await pods.context.gantry(args);
  const out = async (...args: readonly string[]): Promise<string> => {
    const result = await gantry(...args);
    expect(result).toMatchObject({ exitCode: 0 });
    return result.stdout.toString();
  };
  const prepare = async (...args: readonly string[]): Promise<string> =>
    (await out('prepare', '--quiet', '--insecure-options=image', ...args)).trim();
  const names = (): readonly string[] => readdirSync(join(pods.context.dataDir, 'pods', 'names'));

  it.each(['fly', 'nspawn'])('a pod under %s goes by its name in every command', async (flavor) => {
    const uuid = await prepare(
      `--stage1-name=${flavor}`,
      '--pod-name=web',
      NAME,
      '--user-label=tier=front',
      ...SLEEP,
    );
    const { ended } = pods.context.start([
      'run-prepared',
      '--insecure-options=image',
      ...(flavor === 'fly' ? [] : ['--net=none']),
      'web',
    ]);
    for (let tries = 0; tries < 100; tries += 1) {
      if (/^pid=/m.test(await out('status', 'web'))) break;
    }

    expect(await out('status', 'web')).toMatch(/^state=running\nname=web\n/);
    expect(JSON.parse(await out('status', '--format=json', 'web'))).toMatchObject({
      name: uuid,
      pod_name: 'web',
    });
    expect((await gantry('enter', 'web', '/bin/true')).exitCode).toBe(0);
    expect(await out('cat-manifest', 'web')).toContain('PodManifest');
    expect(await out('stop', '--force', 'web')).toBe(`"${uuid}"\n`);
    await ended;
    expect((await out('wait', '--timeout=5s', 'web')).slice(0, uuid.length)).toBe(uuid);
    expect(await out('rm', 'web')).toBe(`"${uuid}"\n`);
    expect(names()).toEqual([]);
    expect((await gantry('status', 'web')).stderr).toContain('no pod is called so');
  });

  it('no two pods that are not garbage have one name', async () => {
    const first = await prepare('--pod-name=db', NAME);
    const before = await out('list', '--format=json');
    const refused = await gantry('run', '--insecure-options=image', '--pod-name=db', NAME);
    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toContain(`pod ${first}, which is prepared, is called so`);
    expect(await out('list', '--format=json')).toBe(before);

    await out('run-prepared', '--insecure-options=image', '--net=none', 'db');
    await out('gc', '--mark-only');
    const second = await prepare('--pod-name=db', NAME);
    expect(await out('status', 'db')).toContain('state=prepared');
    await out('gc', '--grace-period=0s');
    expect(await out('rm', 'db')).toBe(`"${second}"\n`);
    expect(names()).toEqual([]);
  });

  it('one of several pods that are made at once gets the name', async () => {
    const results = await Promise.all(
      Array.from({ length: 4 }, () =>
        gantry('prepare', '--quiet', '--insecure-options=image', '--pod-name=race', NAME),
      ),
    );
    const won = results.filter(({ exitCode }) => exitCode === 0);

    expect(won).toHaveLength(1);
    expect(results.filter(({ stderr }) => stderr.includes('is called so'))).toHaveLength(3);
    expect(await out('rm', 'race')).toBe(`"${won[0]?.stdout.toString().trim()}"\n`);
  });

  it('list filters by state, name and label, and shows names only where there are any', async () => {
    const web = await prepare('--pod-name=web', NAME, '--user-label=tier=front');
    const plain = await prepare(NAME);
    const listed = async (...flags: readonly string[]): Promise<readonly string[]> => {
      const text = await out('list', '--format=json', ...flags);
      const all = (JSON.parse(text) ?? []) as readonly { readonly name: string }[];
      return all.map(({ name }) => name).toSorted();
    };

    expect(await listed('--state=prepared')).toEqual([web, plain].toSorted());
    expect(await listed('--state=running,exited', '--state=exited garbage')).toEqual([]);
    expect(await listed('--pod-name=web')).toEqual([web]);
    expect(await listed('--label=tier')).toEqual([web]);
    expect(await listed('--label=tier=front', '--label=other')).toEqual([]);
    expect(await out('list', '--label=tier=front')).toMatch(/NETWORKS +NAME\n.* web\n$/);
    expect(await out('list', '--pod-name=nobody')).not.toContain('NAME\n');
    await out('rm', web, plain);
  });

  it('run-prepared and enter take --uuid-file', async () => {
    const file = join(pods.context.workDir, 'uuid-file');
    const uuid = await prepare('--stage1-name=fly', NAME, '--exec=/bin/echo', '--', 'hello');
    writeFileSync(file, `${uuid}\n`);
    expect(await out('run-prepared', '--insecure-options=image', `--uuid-file=${file}`)).toBe(
      'hello\n',
    );

    const entered = await gantry('enter', `--uuid-file=${file}`, '/bin/true');
    expect(entered.stderr).toContain(`cannot enter pod ${uuid}: it is exited`);
    await out('rm', `--uuid-file=${file}`);
    expect(existsSync(join(pods.context.dataDir, 'pods', 'run', uuid))).toBe(false);
  });

  it.each([
    [['prepare', '--pod-name=', 'a'], 'is no name'],
    [['prepare', '--pod-name=../x', 'a'], 'is no name'],
    [['prepare', `--pod-name=${'a'.repeat(64)}`, 'a'], 'longer than 63'],
    [['run', '--pod-name=12345678-1234-1234-1234-123456789abc', 'a'], 'taken for a UUID'],
    [['list', '--state=dead'], 'unknown state "dead"'],
    [['list', '--label==x'], 'is not NAME or NAME=VALUE'],
    [['list', '--pod-name=A'], 'is no name'],
  ])('refuses %j', async (args, message) => {
    const { exitCode, stderr } = await gantry(...args);

    expect(exitCode).toBe(254);
    expect(stderr).toContain(message);
  });
});
