import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { makeImage } from '../helpers/image-maker.ts';
import { createPodContext, mountsBelow, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const IMAGE = 'example.com/tool';
const INSECURE = '--insecure-options=image';

let machine: PodContext;
let uuidFile: string;
beforeAll(async () => {
  machine = createPodContext();
  uuidFile = join(machine.workDir, 'uuid');
  const image = await makeImage(machine.workDir, { name: IMAGE, version: '1.0' });
  expect((await gantry(INSECURE, 'fetch', image)).exitCode).toBe(0);
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
});

const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
  await machine.gantry(args);
const out = (result: ExecResult): string => {
  expect(result).toMatchObject({ exitCode: 0 });
  return result.stdout.toString();
};
const run = async (...args: readonly string[]): Promise<ExecResult> =>
  await gantry('run', INSECURE, '--stage1-name=fly', `--uuid-file-save=${uuidFile}`, ...args);
const prepare = async (...args: readonly string[]): Promise<string> =>
  out(await gantry('prepare', '--quiet', INSECURE, '--stage1-name=fly', ...args)).trim();

/** Starts a pod that stays. @returns its UUID, once it runs, and what settles when it ends */
async function startPod(): Promise<{ readonly uuid: string; readonly ended: Promise<ExecResult> }> {
  const uuid = await prepare(IMAGE, '--exec=/bin/sleep', '--', '60');
  const { ended, stdin } = machine.start(['run-prepared', INSECURE, uuid]);
  stdin.end();
  for (let tries = 0; tries < 200; tries += 1) {
    if (out(await gantry('status', uuid)).startsWith('state=running')) return { uuid, ended };
  }
  throw new Error('the pod does not run');
}

describe.runIf(requires('root', 'busybox', 'overlay'))('pods from the command line', () => {
  it('gantry run gives the exit status of the app and keeps its arguments', async () => {
    const echoed = await run(IMAGE, '--exec=/bin/printf', '--', '[%s]', '', 'a b', '--net');
    const failed = await run(IMAGE, '--exec=/bin/sh', '--', '-c', 'exit 7');

    expect(out(echoed)).toBe('[][a b][--net]');
    expect(failed.exitCode).toBe(7);
  });

  it('gantry list and status tell of a pod that has ended, and do not invent its status', async () => {
    const uuid = readFileSync(uuidFile, 'utf8').trim();
    const table = out(await gantry('list', '--full', '--no-legend'));
    const status = out(await gantry('status', `--uuid-file=${uuidFile}`));

    expect(table).toMatch(
      new RegExp(`^${uuid} +tool +example\\.com/tool:1\\.0 +sha512-[0-9a-f]{12} +exited `, 'm'),
    );
    expect(status).toMatch(/^state=exited\ncreated=.*\nstarted=.*\nnetworks=\nexited=true\n/);
    expect(status).toContain('app-tool=unknown\n');
  });

  it('gantry list --format=json names every pod', async () => {
    const pods = JSON.parse(out(await gantry('list', '--format=json'))) as readonly object[];

    expect(pods).toContainEqual(expect.objectContaining({ state: 'exited', app_names: ['tool'] }));
  });

  it('gantry cat-manifest prints the pod manifest', async () => {
    const manifest: unknown = JSON.parse(
      out(await gantry('cat-manifest', `--uuid-file=${uuidFile}`)),
    );

    expect(manifest).toMatchObject({ acKind: 'PodManifest', apps: [{ name: 'tool' }] });
  });

  it('gantry prepare prints a UUID, and run-prepared runs the pod once', async () => {
    const uuid = await prepare(IMAGE, '--exec=/bin/echo', '--', 'hello');
    expect(uuid).toMatch(/^[0-9a-f-]{36}$/);
    expect(out(await gantry('status', uuid.slice(0, 12).toUpperCase()))).toMatch(/^state=prepared/);

    expect(out(await gantry('run-prepared', INSECURE, uuid))).toBe('hello\n');
    const again = await gantry('run-prepared', INSECURE, uuid);
    expect(again.exitCode).toBe(254);
    expect(again.stderr).toContain(`cannot run pod ${uuid}: it is exited`);
  });

  it('gantry stop ends a running pod, status --wait sees it end, rm waits for neither', async () => {
    const { uuid, ended } = await startPod();
    const busy = await gantry('rm', uuid);
    expect(busy.exitCode).toBe(254);
    expect(busy.stderr).toContain('it is running');

    const late = await gantry('status', '--wait=50ms', uuid);
    expect(late.exitCode).toBe(254);
    const waiting = gantry('status', '--wait', uuid);
    expect(out(await gantry('stop', uuid))).toBe(`"${uuid}"\n`);
    expect((await ended).signal).toBe('SIGTERM');
    expect(out(await waiting)).toMatch(/^state=exited/);

    expect(out(await gantry('stop', uuid))).toBe(`"${uuid}"\n`);
    expect(out(await gantry('rm', uuid))).toBe(`"${uuid}"\n`);
    expect((await gantry('status', uuid)).exitCode).toBe(254);
  });

  it('gantry rm --force removes a pod that runs', async () => {
    const { uuid, ended } = await startPod();
    expect(out(await gantry('rm', '--force', uuid))).toBe(`"${uuid}"\n`);
    expect((await ended).signal).toBe('SIGKILL');
    expect((await gantry('status', uuid)).exitCode).toBe(254);
  });

  it('gantry status --wait waits for a prepared pod to be run', async () => {
    const uuid = await prepare(IMAGE, '--exec=/bin/true');
    const waiting = gantry('status', '--wait=30s', uuid);
    await gantry('run-prepared', INSECURE, uuid);

    expect(out(await waiting)).toMatch(/^state=exited/);
  });

  it('gantry enter runs a command in the app, with its exit status', async () => {
    const { uuid, ended } = await startPod();
    const result = await gantry('enter', uuid, '/bin/sh', '-c', 'echo "$0 $1"; exit 3', '--', '-x');
    await gantry('stop', '--force', uuid);
    await ended;

    expect(result.exitCode).toBe(3);
    expect(result.stdout.toString()).toBe('-- -x\n');
  });

  it('gantry image rm keeps what a prepared pod is made of', async () => {
    const uuid = await prepare(IMAGE);
    const kept = await gantry('image', 'rm', IMAGE);
    expect(kept.exitCode).toBe(254);
    expect(kept.stderr).toContain('a pod uses it');
    expect(out(await gantry('image', 'gc', '--grace-period=0s'))).not.toContain('aci');
    expect(out(await gantry('rm', uuid))).toBe(`"${uuid}"\n`);
  });

  it('gantry pod-release leaves a running pod alone and is content with one that is gone', async () => {
    const { uuid, ended } = await startPod();
    expect((await gantry('pod-release', uuid)).exitCode).toBe(0);
    expect(out(await gantry('status', uuid))).toMatch(/^state=running/);
    await gantry('stop', '--force', uuid);
    await ended;

    expect((await gantry('pod-release', uuid)).exitCode).toBe(0);
    expect(existsSync(join(machine.dataDir, 'pods/run', uuid, 'released'))).toBe(true);
    expect((await gantry('pod-release', '11111111-2222-3333-4444-555555555555')).exitCode).toBe(0);
  });

  it('refuses flags whose features are still to come, and makes no pod', async () => {
    const before = out(await gantry('list', '--format=json'));
    const flags = [
      ['--private-users'],
      ['--mds-register'],
      ['--ipc=parent'],
      [IMAGE, '--memory=1G'],
      [IMAGE, '--caps-remove=CAP_KILL'],
    ];
    for (const given of flags) {
      const result = await gantry('run', INSECURE, ...given, ...(given.length > 1 ? [] : [IMAGE]));
      expect(result.exitCode).toBe(254);
      expect(result.stderr).toContain('not supported');
    }

    expect(out(await gantry('list', '--format=json'))).toBe(before);
  });

  it('gantry gc removes what has ended and leaves no mount', async () => {
    expect((await gantry('gc', '--mark-only')).exitCode).toBe(0);
    expect(readdirSync(join(machine.dataDir, 'pods/run'))).toEqual([]);
    expect(out(await gantry('list', '--no-legend'))).toContain('exited garbage');
    out(await gantry('gc', '--grace-period=0s'));

    expect(out(await gantry('list', '--format=json'))).toBe('null\n');
    expect(mountsBelow(machine.dir)).toEqual([]);
  });
});
