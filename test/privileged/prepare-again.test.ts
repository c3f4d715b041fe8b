import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/node-exec';
import { type Publisher, startPublisher } from '../helpers/publisher.ts';
import { requires } from '../helpers/requires.ts';

const APP = { exec: ['/bin/true'], user: '0', group: '0' };
const BASE = 'example.com/base';
const TOP = 'example.com/top';

describe.runIf(requires('root', 'overlay'))('gantry prepare, of a name that the store has', () => {
  let publisher: Publisher;
  const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
    await publisher.gantry(args);
  const prepare = async (...args: readonly string[]): Promise<ExecResult> =>
    await gantry('prepare', '--stage1-name=fly', ...args);
  const asked = (): readonly string[] => publisher.server.seen.map(({ target }) => target);

  beforeAll(async () => {
    publisher = await startPublisher();
    await publisher.publish({ name: BASE, files: { base: 'b' } });
    const manifest = { app: APP, dependencies: [{ imageName: BASE }] };
    await publisher.publish({ name: TOP, files: { top: 't' }, manifest });
  });
  afterAll(async () => {
    await publisher[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    demandSuccess(await gantry('trust', '--prefix=example.com', '--skip-fingerprint-review'), '');
    demandSuccess(await gantry('fetch', TOP), 'fetch');
    publisher.server.seen.length = 0;
  });

  it('asks nobody when all is there', async () => {
    expect((await prepare(TOP)).exitCode).toBe(0);
    expect(asked()).toEqual([]);
  });

  it('fetches what it depends on and is gone, unless the store is all that may be asked', async () => {
    demandSuccess(await gantry('gc', '--grace-period=0s', '--expire-prepared=0s'), 'gc');
    demandSuccess(await gantry('image', 'rm', BASE), 'rm');

    const never = await prepare('--pull-policy=never', TOP);
    expect([never.exitCode, asked()]).toEqual([254, []]);
    expect(never.stderr).toContain(`cannot find image "${BASE}"`);

    expect((await prepare(TOP)).exitCode).toBe(0);
    expect(asked()).toContain('example.com/example.com-base.aci');
    expect(asked()).not.toContain('example.com/example.com-top.aci');
  });

  it('fetches and verifies one that was accepted insecurely', async () => {
    const plain = { name: 'example.com/plain', files: { plain: 'p' }, manifest: { app: APP } };
    await publisher.publish(plain, { signed: false });
    demandSuccess(await gantry('fetch', '--insecure-options=image', plain.name), 'fetch');
    await publisher.publish(plain);

    expect((await prepare('--pull-policy=never', plain.name)).stderr).toContain(
      'it was fetched without a verified signature',
    );
    const prepared = await prepare(plain.name);
    expect([prepared.exitCode, prepared.stderr]).toEqual([0, expect.stringContaining('fetching')]);
  });

  it('says that a signature is not looked at', async () => {
    const file = join(publisher.machine.workDir, 'nonsense');
    writeFileSync(file, 'nonsense');
    const { exitCode, stderr } = await prepare(TOP, `--signature=${file}`);

    expect(exitCode).toBe(0);
    expect(stderr).toContain(`warning: signature "${file}" is not looked at`);
  });
});
