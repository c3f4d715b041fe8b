import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExecResult, RunningProgram } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/node-exec';
import { MS, UMOUNT } from '#base/kernel/kernel';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { POD_PHASES } from '../../stage0/pod/pod-dirs.ts';
import { makeImage } from '../helpers/image-maker.ts';
import { tarOf } from '../helpers/hostile-tar.ts';
import { watchLeaks } from '../helpers/leaks.ts';
import { makeLayout } from '../helpers/oci-layout.ts';
import { until } from '../helpers/nspawn-pods.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

// The store by itself, page by page, is in store-full.test.ts. Here it is the
// program, from fetching an image to a pod that is about to run.

const UNSIGNED = '--insecure-options=image';
const NAME = 'example.com/app';
const PAGE = 4096;

describe.runIf(requires('root', 'overlay', 'busybox', 'nspawn'))('gantry on a full disk', () => {
  let machine: PodContext;
  let image: string;
  beforeEach(async () => {
    machine = createPodContext();
    linuxKernel.mount({
      source: 'tmpfs',
      target: machine.dataDir,
      fstype: 'tmpfs',
      flags: 0,
      data: 'size=160m',
    });
    image = await makeImage(machine.workDir, { name: NAME });
  });
  afterEach(async () => {
    rmSync(filler(), { force: true });
    await gantry('gc', '--grace-period=0s', '--expire-prepared=0s');
    linuxKernel.unmount(machine.dataDir, UMOUNT.DETACH);
    await machine[Symbol.asyncDispose]();
  });

  const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
    await machine.gantry(args);
  const filler = (): string => join(machine.dataDir, 'filler');
  const freePages = (): number => statfsSync(machine.dataDir).bavail;

  /** Takes all the room there is, whoever else is taking some: a running pod writes to its journal. */
  function fill(): void {
    while (freePages() > 0)
      try {
        appendFileSync(filler(), Buffer.alloc(freePages() * PAGE));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
  }

  /** Does something with so much room only, and takes the rest away again. */
  async function withRoom<Result>(pages: number, work: () => Promise<Result>): Promise<Result> {
    writeFileSync(filler(), Buffer.alloc((freePages() - pages) * PAGE));
    try {
      return await work();
    } finally {
      rmSync(filler());
    }
  }

  function expectFull({ exitCode, stderr }: ExecResult, pages: number): void {
    const message = `with ${pages} pages: ${stderr}`;
    expect(exitCode, message).toBe(254);
    expect(stderr, message).toMatch(/: cannot (write|extract|copy|make).*: no space left/);
    expect(stderr, message).toMatch(/hint: .*gantry image gc/);
    expect(stderr, message).not.toContain('bug');
    expect(stderr.split('\n').filter(Boolean).length, message).toBeLessThan(8);
  }

  /** From nothing to enough: in few steps, and in small ones where it just suffices. */
  function* rooms(enough: number): Generator<number> {
    for (let pages = 0; pages < enough - 20; pages += Math.ceil(enough / 4)) yield pages;
    for (let pages = Math.max(0, enough - 20); pages <= enough + 2; pages += 5) yield pages;
  }

  const namesIn = (...path: readonly string[]): readonly string[] => {
    const folder = join(machine.dataDir, ...path);
    return existsSync(folder) ? readdirSync(folder) : [];
  };
  const stored = async (): Promise<string> =>
    (await gantry('image', 'list', '--no-legend', '--fields=name')).stdout.toString().trim();

  /** Of two layers, packed. */
  function ociImage(): string {
    const layout = makeLayout(join(machine.workDir, 'layout'));
    const layers = ['a', 'b'].map((path) => tarOf({ path, body: randomBytes(200_000) }));
    layout.index({ it: layout.image({ layers }).descriptor });
    return `oci:${layout.dir}`;
  }

  it.each([
    { what: 'an ACI', make: () => [image, NAME] as const },
    { what: 'an OCI image', make: () => [ociImage(), undefined] as const },
  ])('fetches $what whole or not at all, and its tree', async ({ make }) => {
    const [given, name = given] = make();
    demandSuccess(await gantry('image', 'list'), 'image list');
    const before = freePages();
    demandSuccess(await gantry('fetch', UNSIGNED, given), 'fetch');
    const enough = before - freePages();
    demandSuccess(await gantry('image', 'rm', name), 'image rm');
    let refused = 0;

    for (const pages of rooms(enough)) {
      const fetched = await withRoom(pages, async () => {
        const result = await gantry('fetch', UNSIGNED, given);
        expect((await gantry('image', 'list')).exitCode).toBe(0);
        return result;
      });
      expect(namesIn('cas', 'tmp')).toEqual([]);
      if (fetched.exitCode !== 0) {
        expectFull(fetched, pages);
        refused += 1;
      }
      if ((await stored()) !== '') {
        demandSuccess(await gantry('image', 'verify', name), `verify with ${pages} pages`);
        demandSuccess(await gantry('image', 'rm', name), `rm with ${pages} pages`);
      }
      // Layers that came are kept for the next fetch.
      demandSuccess(await gantry('image', 'gc', '--grace-period=0s'), 'image gc');
    }
    expect(refused).toBeGreaterThan(2);
    demandSuccess(await gantry('fetch', UNSIGNED, given), 'fetch');
  });

  it.each([
    { flags: ['--stage1-name=fly'] },
    { flags: ['--stage1-name=nspawn'] },
    { flags: ['--stage1-name=nspawn', '--no-overlay'] },
  ])('makes no pod without room for it: $flags', async ({ flags }) => {
    const run = async (): Promise<ExecResult> =>
      await gantry('run', UNSIGNED, ...flags, NAME, '--exec=/bin/sh', '--', '-c', 'exit 3');
    demandSuccess(await gantry('fetch', UNSIGNED, image), 'fetch');
    expect((await run()).exitCode).toBe(3);
    demandSuccess(await gantry('gc', '--grace-period=0s'), 'gc');
    const before = freePages();
    expect((await run()).exitCode).toBe(3);
    const enough = before - freePages();
    let refused = 0;

    for (const pages of rooms(enough)) {
      await withRoom(pages, async () => {
        const ran = await run();
        // What the pod itself writes, its journal say, may find no room either; then it has run.
        if (ran.exitCode === 254) {
          expectFull(ran, pages);
          refused += 1;
        }
        expect((await gantry('list')).exitCode).toBe(0);
        demandSuccess(await gantry('gc', '--grace-period=0s'), `gc with ${pages} pages`);
      });
      for (const phase of POD_PHASES) expect(namesIn('pods', phase), phase).toEqual([]);
    }
    expect(refused).toBeGreaterThan(0);
    expect((await run()).exitCode).toBe(3);
  });

  it.each(['fly', 'nspawn'])('lists, stops, releases and removes pods of %s', async (flavor) => {
    const app = ['--exec=/bin/sh', '--', '-c', 'echo ready; exec sleep 300'];
    const start = async (name: string): Promise<RunningProgram> => {
      const flags = [UNSIGNED, `--stage1-name=${flavor}`, `--pod-name=${name}`];
      const pod = machine.start(['run', ...flags, NAME, ...app]);
      await once(pod.stdout, 'data');
      pod.stdout.resume();
      return pod;
    };
    demandSuccess(await gantry('fetch', UNSIGNED, image), 'fetch');
    const leaks = watchLeaks(machine);
    const pods = [await start('one'), await start('two'), await start('three')];
    leaks.note();
    fill();
    setFiles(0);

    expectFull(await gantry('run', UNSIGNED, `--stage1-name=${flavor}`, NAME), 0);
    demandSuccess(await gantry('stop', 'one'), 'stop');
    demandSuccess(await gantry('stop', '--force', 'two'), 'stop --force');
    pods[2]?.kill('SIGKILL');
    await Promise.all(pods.map(({ ended }) => ended));
    const listed = demandSuccess(await gantry('list', '--no-legend'), 'list').stdout.toString();
    for (const name of ['one', 'two'])
      expect(listed).toMatch(new RegExp(`exited .* ${name}$`, 'm'));
    expect((await gantry('status', 'one')).stdout.toString()).toMatch(/^state=exited\n/);
    expect((await gantry('inspect', 'one')).exitCode).toBe(0);
    demandSuccess(await gantry('rm', 'one'), 'rm');
    demandSuccess(await gantry('gc', '--mark-only'), 'gc --mark-only');
    demandSuccess(await gantry('gc', '--grace-period=0s'), 'gc');
    // Every process of the host sees the file system that was made for this test.
    const isOurs = (line: string): boolean =>
      !line.startsWith('mount') && line.includes(machine.dir);
    await until('nothing of the pods is left', () => !leaks.left().some(isOurs));
    expect(pods.map(({ pid }) => existsSync(`/proc/${pid}`))).toEqual([false, false, false]);
    for (const phase of POD_PHASES) expect(namesIn('pods', phase), phase).toEqual([]);
  });

  /** How many files more there may be on the disk; `Infinity` for as many as wanted. */
  function setFiles(more: number): void {
    const { files, ffree } = statfsSync(machine.dataDir);
    const limit = Number.isFinite(more) ? files - ffree + more : 0;
    const data = `nr_inodes=${limit}`;
    linuxKernel.mount({ source: 'none', target: machine.dataDir, flags: MS.REMOUNT, data });
  }

  it('takes in no half stage1 image', async () => {
    demandSuccess(await gantry('fetch', UNSIGNED, image), 'fetch');
    for (const pages of [0, 500, 3000, 7000, 12_000]) {
      const ran = await withRoom(pages, async () => await gantry('run', UNSIGNED, NAME));
      if (ran.exitCode !== 0) expectFull(ran, pages);
      expect(namesIn('cas', 'tmp')).toEqual([]);
      demandSuccess(await gantry('image', 'verify', NAME), 'verify');
    }

    demandSuccess(await gantry('run', UNSIGNED, NAME), 'run');
  });

  it('says so when there are no more files to be had', async () => {
    demandSuccess(await gantry('fetch', UNSIGNED, image), 'fetch');
    setFiles(8);

    expectFull(await gantry('run', UNSIGNED, '--stage1-name=fly', NAME), 0);
    setFiles(Number.POSITIVE_INFINITY);
    demandSuccess(await gantry('run', UNSIGNED, '--stage1-name=fly', NAME), 'run');
  });
});
