import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { busyboxEntries, directory, hardLink, symlink, tarOf } from '../helpers/hostile-tar.ts';
import { makeLayout } from '../helpers/oci-layout.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const canRun = requires('root', 'overlay', 'mount-namespace', 'busybox', 'nspawn');

let context: PodContext;
let layout: string;
beforeAll(() => {
  context = createPodContext();
  if (canRun) makeImages();
});
afterAll(async () => {
  await context[Symbol.asyncDispose]();
});

function makeImages(): void {
  const made = makeLayout(join(context.workDir, 'layout'));
  layout = `oci:${made.dir}`;
  const base = tarOf(
    ...busyboxEntries('sh', 'cat', 'stat', 'mkdir', 'grep', 'ls'),
    { ...directory('data'), mode: 0o1770, uid: 7, gid: 8 },
    { path: 'data/file', body: 'from the image', mode: 0o640, uid: 7, gid: 8 },
    hardLink('data/other', 'data/file'),
    symlink('data/link', '../etc/target'),
    symlink('leads', '../../../../../../outside'),
    symlink('loop', 'loop'),
    { path: 'plain', body: 'x' },
  );
  const image = (...volumes: readonly string[]) =>
    made.image({
      layers: [base],
      config: {
        Entrypoint: ['/bin/sh', '-c'],
        WorkingDir: '/made/place',
        Volumes: Object.fromEntries(volumes.map((path) => [path, {}])),
      },
    }).descriptor;
  made.index({
    good: image('/data', '/data/inner', '/made/here', '/leads'),
    loop: image('/loop'),
    file: image('/plain'),
  });
}

const run = async (name: string, ...args: readonly string[]): Promise<ExecResult> =>
  await context.gantry(['run', '--insecure-options=image', `--stage1-name=${name}`, ...args]);
const text = ({ stdout }: ExecResult): string => stdout.toString().replaceAll('\r', '');

const LOOK = [
  'stat -c "%a %u %g" /data',
  'stat -c "%a %u %g %h" /data/file',
  'cat /data/other; echo',
  'ls -l /data/link | grep -o -e "->.*"',
  'stat -c "%a %u" /made/here',
].join('; ');
const LOOKS = '1770 7 8\n640 7 8 2\nfrom the image\n-> ../etc/target\n755 0\n';

describe.runIf(canRun).each(['fly', 'nspawn'])('volumes of an OCI image, under %s', (flavor) => {
  it('begin with what the image has there, exactly', async () => {
    const result = await run(flavor, `${layout}:good`, '--', LOOK);
    expect(text(result)).toBe(LOOKS);
    expect(result).toMatchObject({ exitCode: 0 });
  });

  it('are mounts that stay writable where the root does not', async () => {
    const write =
      'mkdir /data/new /data/inner/new /made/here/new; mkdir /no; grep -c " /data " /proc/self/mountinfo';
    const result = await run(
      flavor,
      `${layout}:good`,
      '--readonly-rootfs=true',
      '--',
      `${LOOK}; ${write}`,
    );
    expect(text(result)).toBe(`${LOOKS}1\n`);
    expect(result.stderr).toContain("'/no': Read-only file system");
    expect(result.stderr).not.toContain('new');
  });

  it('leave the working directory to be made, on a root that is read-only then', async () => {
    const flag = '--readonly-rootfs=true';
    const result = await run(flavor, `${layout}:good`, flag, '--', 'cd .. && ls; mkdir no');
    expect(text(result)).toBe('here\nplace\n');
    expect(result.stderr).toContain("'no': Read-only file system");
  });

  it('give way to a volume of the user, in which nothing is put', async () => {
    const source = join(context.workDir, `host-${flavor}`);
    mkdirSync(source);
    const mount = ['--mount=volume=v,target=/data'];
    const host = await run(
      flavor,
      `--volume=v,kind=host,source=${source}`,
      ...mount,
      `${layout}:good`,
      '--',
      'ls /data; mkdir /data/new',
    );
    expect(host).toMatchObject({ exitCode: 0, stdout: Buffer.from('') });
    expect(readdirSync(source)).toEqual(['new']);
    const empty = await run(
      flavor,
      '--volume=v,kind=empty',
      ...mount,
      `${layout}:good`,
      '--',
      'ls /data',
    );
    expect(empty).toMatchObject({ exitCode: 0, stdout: Buffer.from('') });
  });

  it('lead nowhere but inside', async () => {
    const result = await run(flavor, `${layout}:good`, '--', 'mkdir /leads/x; ls -d /outside/x');
    expect(text(result)).toBe('/outside/x\n');
    const [loop, file] = [
      await run(flavor, `${layout}:loop`, '--', 'ls'),
      await run(flavor, `${layout}:file`, '--', 'ls'),
    ];
    expect([loop.exitCode, loop.stderr]).toEqual([
      254,
      expect.stringContaining('too many symbolic'),
    ]);
    expect([file.exitCode, file.stderr]).toEqual([
      254,
      expect.stringContaining('cannot mount on "/plain" of the app: not a directory'),
    ]);
  });
});
