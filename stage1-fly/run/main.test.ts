import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { createRecordingKernel, type RecordingKernel } from '#base/kernel/recording-kernel';
import { createLog } from '#base/log/log';
import {
  appImageManifestPath,
  appRootfsDir,
  type EntrypointHost,
  pidPath,
  podManifestPath,
} from '#stage1';
import { entrypoint } from './main.ts';

const UUID = '8f3ab0ad-3a3b-4d64-9b0c-9a29cbd8a4cd';

let podDir: string;
let cwd: string;
let kernel: RecordingKernel;
let messages: string[];
beforeEach(() => {
  podDir = mkdtempSync(join(tmpdir(), 'pod-'));
  cwd = process.cwd();
  kernel = createRecordingKernel();
  messages = [];
});
afterEach(() => {
  process.chdir(cwd);
  rmSync(podDir, { recursive: true });
});

function write(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value), { mode: 0o755 });
}

function preparePod(description: object, names: readonly string[] = ['app']): void {
  const apps = names.map((name) => ({
    name,
    image: { id: 'sha512-aa' },
    app: { exec: ['/bin/a', 'b'], user: '0', group: '0', ...description },
  }));
  write(podManifestPath(podDir), { acKind: 'PodManifest', acVersion: '0.8.11', apps });
  for (const name of names) {
    write(appImageManifestPath(podDir, name), { acKind: 'ImageManifest', name: 'x' });
    write(join(appRootfsDir(podDir, name), 'bin', 'a'), '');
    mkdirSync(join(appRootfsDir(podDir, name), 'work'));
  }
}

function host(flags: readonly string[] = []): EntrypointHost {
  return {
    version: 1,
    kernel,
    exec: nodeExec,
    log: createLog(({ message }) => messages.push(message)),
    argv: ['/run', ...flags, UUID],
    env: { RKT_LOCK_FD: '7' },
    podDir,
    caller: { softNofile: undefined, ignoredSignals: [], blockedSignals: [] },
    gantry: ['/gantry'],
  };
}

describe('entrypoint() of fly', () => {
  it('becomes the app, with the lock, as its user, in its working directory', async () => {
    const workingDirectory = process.cwd();
    preparePod({ user: '5', group: '6', supplementaryGIDs: [7], workingDirectory });
    mkdirSync(join(appRootfsDir(podDir, 'app'), workingDirectory), { recursive: true });
    await entrypoint(host());

    const names = kernel.calls.map(({ call }) => call);
    const order = ['chroot', 'setGroups', 'setGid', 'setUid', 'closeOnExecFrom', 'execve'] as const;
    expect(order.map((name) => names.indexOf(name))).toEqual(
      order.map((name) => names.indexOf(name)).sort((a, b) => a - b),
    );
    expect(names.filter((name) => name === 'chroot')).toHaveLength(1);
    expect(kernel.calls).toContainEqual({ call: 'setCloseOnExec', args: [7, false] });
    expect(kernel.calls.at(-1)).toMatchObject({
      call: 'execve',
      args: ['/bin/a', ['/bin/a', 'b'], { AC_APP_NAME: 'app', USER: 'root' }],
    });
    expect(readFileSync(pidPath(podDir), 'utf8')).toBe(`${process.pid}\n`);
  });

  it('says why with 126 and 127, before anything is given up', async () => {
    preparePod({ exec: ['/bin/none'] });

    expect(await entrypoint(host())).toBe(127);
    expect(messages).toEqual(['cannot execute "/bin/none": no such file']);
    expect(kernel.calls.some(({ call }) => call === 'chroot')).toBe(false);
    expect(existsSync(pidPath(podDir))).toBe(false);
  });

  it('makes the empty volumes that nobody gave, and says so', async () => {
    preparePod({ mountPoints: [{ name: 'db', path: '/db' }] });
    await entrypoint(host());

    expect(messages).toEqual([
      'app "app" has no volume for mount point "db": an empty one is made',
    ]);
    expect(existsSync(join(podDir, 'sharedVolumes', 'app.db'))).toBe(true);
  });

  it.each([
    { what: 'several apps', names: ['a', 'b'], message: 'fly runs one' },
    { what: 'a network', flag: '--net=none', message: 'fly cannot give a pod a network' },
    { what: 'users', flag: '--private-users=1:2', message: 'fly cannot give a pod users' },
    { what: 'an IPC namespace', flag: '--ipc=private', message: 'fly cannot give a pod an IPC' },
    { what: 'new apps', flag: '--mutable', message: 'fly cannot add apps' },
    {
      what: 'handlers after the end',
      description: { eventHandlers: [{ name: 'post-stop', exec: ['/x'] }] },
      message: 'fly cannot run a post-stop handler',
    },
  ])('rejects $what', async ({ description, flag, names, message }) => {
    preparePod(description ?? {}, names);

    await expect(entrypoint(host(flag === undefined ? [] : [flag]))).rejects.toThrow(message);
    expect(kernel.calls).toEqual([]);
  });

  it('warns of isolators and a host name, which it leaves out', async () => {
    preparePod({ isolators: [{ name: 'resource/memory', value: { limit: '1M' } }] });
    await entrypoint(host(['--hostname=x']));

    expect(messages).toEqual([
      'fly leaves the host name as it is',
      'fly does not isolate: ignoring resource/memory',
    ]);
  });
});
