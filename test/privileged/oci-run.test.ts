import { copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const canRun = requires('root', 'overlay', 'mount-namespace', 'busybox', 'nspawn', 'oci-tools');
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };

let context: PodContext;
beforeAll(async () => {
  context = createPodContext();
  if (canRun) await makeImages();
});
afterAll(async () => {
  await context[Symbol.asyncDispose]();
});

async function tool(...argv: readonly [string, ...string[]]): Promise<void> {
  const result = await nodeExec.run({ argv, env: ENVIRONMENT, cwd: context.workDir });
  demandSuccess(result, argv.join(' '));
}

/** An image by umoci in two layers, the same in archives by skopeo, and one by buildah. */
async function makeImages(): Promise<void> {
  const umoci = async (...args: readonly string[]): Promise<void> => await tool('umoci', ...args);
  const rootfs = join(context.workDir, 'first', 'rootfs');
  await umoci('init', '--layout', 'layout');
  await umoci('new', '--image', 'layout:web');
  await umoci('unpack', '--image', 'layout:web', 'first');
  mkdirSync(join(rootfs, 'bin'));
  mkdirSync(join(rootfs, 'etc'));
  copyFileSync('/bin/busybox', join(rootfs, 'bin', 'busybox'));
  for (const name of ['sh', 'id', 'echo', 'pwd', 'ls', 'sleep']) {
    symlinkSync('busybox', join(rootfs, 'bin', name));
  }
  writeFileSync(
    join(rootfs, 'etc', 'passwd'),
    'root:x:0:0::/root:/bin/sh\nweb:x:7:8::/srv:/bin/sh\n',
  );
  writeFileSync(join(rootfs, 'etc', 'group'), 'root:x:0:\nweb:x:8:\nlog:x:9:web\n');
  writeFileSync(join(rootfs, 'old'), '');
  await umoci('repack', '--image', 'layout:web', 'first');
  await umoci('unpack', '--image', 'layout:web', 'second');
  await tool('rm', join('second', 'rootfs', 'old'));
  await umoci('repack', '--image', 'layout:web', 'second');
  const config = ['--image', 'layout:web', '--config.user=web', '--config.workingdir=/srv/made'];
  const words = ['/bin/sh', '-c', 'echo "$0 $*"; id; pwd; echo "$A"; ls /old', 'zero'];
  await umoci(
    'config',
    ...config,
    '--config.env=A=from image',
    ...words.map((word) => `--config.entrypoint=${word}`),
    '--config.cmd=one',
    '--config.cmd=two words',
  );
  await tool('skopeo', 'copy', '-q', 'oci:layout:web', 'oci-archive:web.tar:web');
  await tool(
    'skopeo',
    'copy',
    '-q',
    'oci:layout:web',
    'docker-archive:saved.tar:r.example/team/web:1',
  );
  cpSync(rootfs, join(context.workDir, 'build'), { recursive: true, verbatimSymlinks: true });
  const buildah = [
    'buildah',
    `--root=${join(context.workDir, 'storage')}`,
    `--runroot=${join(context.workDir, 'runroot')}`,
    '--storage-driver=vfs',
  ] as const;
  writeFileSync(
    join(context.workDir, 'build', 'Containerfile'),
    'FROM scratch\nCOPY . /\nENTRYPOINT ["/bin/echo", "built"]\nCMD ["by", "buildah"]\n',
  );
  await tool(...buildah, 'bud', '-q', '--isolation=chroot', '-t', 'built', 'build');
  await tool(...buildah, 'push', '-q', 'built', 'oci:layout:built');
}

const run = async (...args: readonly string[]): Promise<ExecResult> =>
  await context.gantry(['run', '--insecure-options=image', ...args], { cwd: context.workDir });
const flavor = (name: string): string => `--stage1-name=${name}`;
/** What apps say, without what goes before it in the lines of a terminal. */
const said = ({ stdout }: ExecResult): readonly string[] =>
  stdout.toString().replaceAll('\r', '').trimEnd().split('\n');

describe.runIf(canRun)('gantry run of an OCI image', () => {
  it.each(['fly', 'nspawn'])('does what its configuration says, under %s', async (name) => {
    const result = await run(flavor(name), 'oci:layout:web');

    const [words, identity, ...rest] = said(result);
    expect(words).toBe('zero one two words');
    // systemd names the user's first group among the others too.
    expect(identity).toMatch(/^uid=7\(web\) gid=8\(web\) groups=(8\(web\),)?9\(log\)$/);
    expect(rest).toEqual(['/srv/made', 'from image']);
    expect(result.stderr).toContain('ls: /old: No such file or directory');
    expect(result.exitCode).toBe(1);
  });

  it('takes arguments for CMD, and --exec for ENTRYPOINT as well', async () => {
    const [args, exec] = await Promise.all([
      run(flavor('fly'), 'oci:layout:built', '--', 'anew'),
      run(flavor('fly'), 'oci:layout:built', '--exec=/bin/echo', '--', 'only', 'this'),
    ]);

    expect(args).toMatchObject({ exitCode: 0, stdout: Buffer.from('built anew\n') });
    expect(exec).toMatchObject({ exitCode: 0, stdout: Buffer.from('only this\n') });
  });

  it('runs what buildah made beside an app of another image, in one pod', async () => {
    const result = await run(
      'oci:layout:built',
      'oci:layout:web',
      '--name=other',
      '--exec=/bin/echo',
      '--',
      'other says',
    );

    expect(result.exitCode).toBe(0);
    expect(said(result).toSorted()).toEqual(['layout: built by buildah', 'other: other says']);
  });

  it('finds the same image in archives, and runs copies of its trees', async () => {
    const ids: string[] = [];
    for (const name of ['oci:layout:web', 'oci-archive:web.tar']) {
      const { stdout } = await context.gantry(
        ['fetch', '--full', '--insecure-options=image', name],
        { cwd: context.workDir },
      );
      ids.push(stdout.toString());
    }
    expect(new Set(ids).size).toBe(1);

    const result = await run(
      flavor('fly'),
      '--no-overlay',
      'docker-archive:saved.tar',
      '--exec=/bin/pwd',
    );
    expect(result).toMatchObject({ exitCode: 0, stdout: Buffer.from('/srv/made\n') });
    const list = await context.gantry(['image', 'list', '--no-legend', '--fields=name,shared']);
    expect(list.stdout.toString()).toMatch(/docker-archive:\/.*\/saved\.tar/);
  });

  it('shows what is shared, removes an image by its reference, and keeps what another one has', async () => {
    const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
      await context.gantry(args, { cwd: context.workDir });
    await gantry('gc', '--grace-period=0s', '--expire-prepared=0s');
    await tool('umoci', 'config', '--image', 'layout:web', '--tag', 'twin', '--author=x');
    demandSuccess(await gantry('fetch', '--insecure-options=image', 'oci:layout:twin'), 'fetch');
    demandSuccess(await gantry('fetch', '--insecure-options=image', 'oci:layout:web'), 'fetch');
    const list = await gantry('image', 'list', '--format=json');
    const documents = JSON.parse(list.stdout.toString()) as readonly {
      name: string;
      shared_size: number;
      unique_size: number;
    }[];
    const twin = documents.find(({ name }) => name.endsWith('layout:twin'));

    expect(twin?.shared_size).toBeGreaterThan(2 * 1024 * 1024);
    expect(twin?.unique_size).toBeLessThan(20_000);
    expect((await gantry('image', 'rm', 'oci:layout:web')).exitCode).toBe(0);
    expect(await run(flavor('fly'), 'oci:layout:twin', '--exec=/bin/pwd')).toMatchObject({
      exitCode: 0,
    });
    expect(await gantry('image', 'verify', 'oci:layout:twin')).toMatchObject({ exitCode: 0 });
  });

  it('is refused unless told that nothing is checked, when it is fetched and when it is run', async () => {
    const fetched = await context.gantry(['run', flavor('fly'), 'oci:layout:web'], {
      cwd: context.workDir,
    });
    expect(fetched.exitCode).toBe(254);
    expect(fetched.stderr).toContain('cannot accept image "oci:layout:web"');

    const key =
      /sha256-[0-9a-f]{64}/.exec(
        (await context.gantry(['image', 'list', '--full'])).stdout.toString(),
      )?.[0] ?? '';
    const stored = await context.gantry(['run', flavor('fly'), key]);
    expect(stored.exitCode).toBe(254);
    expect(stored.stderr).toContain('was fetched without a verified signature');
  });
});
