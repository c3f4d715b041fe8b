import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { mountsBelow } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/exported';
const INSECURE = '--insecure-options=image';
const script = (text: string): readonly string[] => ['--exec=/bin/sh', '--', '-c', text, '---'];
const CHANGE =
  'echo new >/made; chown 1000:100 /made; chmod 640 /made; rm /etc/group; rm -r /srv; mkdir /srv; echo in >/srv/in';

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('gantry export', () => {
  let pods: NspawnPods;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME, files: { 'srv/old': 'old' } });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
    await pods.context.gantry(args);
  const path = (name: string): string => join(pods.context.workDir, name);

  it.each([
    ['nspawn', []],
    ['fly', []],
    ['fly', ['--no-overlay']],
  ])('makes an image of what the app left, under %s %j', async (flavor, flags) => {
    const name = `left-${flavor}-${flags.length}`;
    const run = ['run', INSECURE, `--stage1-name=${flavor}`, `--pod-name=${name}`, ...flags];
    expect((await gantry(...run, NAME, ...script(CHANGE))).exitCode).toBe(0);
    await gantry('wait', name);
    const scratch = readdirSync(tmpdir()).filter((each) => each.startsWith('gantry-export-'));
    const aci = path(`${name}.aci`);
    expect(await gantry('export', name, aci)).toMatchObject({ exitCode: 0, stderr: '' });

    await gantry(INSECURE, 'fetch', aci);
    const look = 'cat /made; stat -c "%u %g %a" /made; test -e /etc/group || echo gone; ls -a /srv';
    const again = await gantry('run', INSECURE, '--stage1-name=fly', aci, ...script(look));
    expect(again.stdout.toString()).toBe('new\n1000 100 640\ngone\n.\n..\nin\n');
    expect(readdirSync(tmpdir()).filter((each) => each.startsWith('gantry-export-'))).toEqual(
      scratch,
    );
    expect(mountsBelow(pods.context.dir)).toEqual([]);
  });

  it('exports one app of several, also while the pod lies as garbage, and can be repeated', async () => {
    await gantry(
      'run',
      INSECURE,
      '--pod-name=two',
      NAME,
      '--name=one',
      ...script('echo 1 >/which'),
      NAME,
      '--name=other',
      ...script('echo 2 >/which'),
    );
    await gantry('wait', 'two');
    expect((await gantry('export', 'two', path('none.aci'))).stderr).toMatch(
      /cannot export pod \S+: it has 2 apps\nhint: name one with --app; its apps are one, other/,
    );
    expect((await gantry('export', '--app=third', 'two', path('none.aci'))).stderr).toContain(
      'it has no app "third"',
    );
    await gantry('gc', '--mark-only');
    const aci = path('other.aci');
    expect((await gantry('export', '--app=other', 'two', aci)).exitCode).toBe(0);
    const taken = await gantry('export', '--app=one', 'two', aci);
    expect(taken.exitCode).toBe(254);
    expect(taken.stderr).toContain('it exists\n');
    expect((await gantry('export', '--overwrite', '--app=one', 'two', aci)).exitCode).toBe(0);
    const streamed = await gantry('export', '--app=one', 'two', '-');
    expect(streamed.stdout.equals(readFileSync(aci))).toBe(true);
    await gantry('rm', 'two');

    const result = await gantry(
      'run',
      INSECURE,
      '--stage1-name=fly',
      aci,
      '--exec=/bin/cat',
      '--',
      '/which',
    );
    expect(result.stdout.toString()).toBe('1\n');
    expect(existsSync(path('none.aci'))).toBe(false);
  });

  it('refuses pods that have not ended, and places where nothing can be written', async () => {
    const pod = await pods.start([NAME, ...script('echo ready; exec sleep 300')]);
    const running = await gantry('export', pod.uuid, path('x.aci'));
    pod.program.kill('SIGKILL');
    await pod.program.ended;
    await gantry('wait', pod.uuid);
    const nowhere = await gantry('export', pod.uuid, path('no/where.aci'));
    mkdirSync(path('folder'));
    const folder = await gantry('export', '--overwrite', pod.uuid, path('folder'));
    writeFileSync(path('uuid'), pod.uuid);
    const one = await gantry('export', pod.uuid);

    expect(running.stderr).toContain(`cannot export pod ${pod.uuid}: it is running`);
    expect(nowhere.stderr).toContain('there is no such directory');
    expect(folder.exitCode).toBe(254);
    expect(one.stderr).toContain('too few arguments');
    expect((await gantry('export', `--uuid-file=${path('uuid')}`, path('y.aci'))).exitCode).toBe(0);
    expect(readdirSync(pods.context.workDir).filter((each) => each.endsWith('.tmp'))).toEqual([]);
  });
});
