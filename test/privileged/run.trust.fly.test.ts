import { appendFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/node-exec';
import { makeImage } from '../helpers/image-maker.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';
import { makeSigningKey, type SigningKey } from '../helpers/signing.ts';

const SIGNED = 'example.com/signed';

describe.runIf(requires('root', 'overlay', 'busybox'))('gantry run, asking again', () => {
  let context: PodContext;
  let key: SigningKey;
  const run = async (...args: readonly string[]): Promise<ExecResult> =>
    await context.gantry(['run', '--stage1-name=fly', '--pull-policy=never', ...args]);
  const trust = (): void => {
    const folder = join(context.localConfig, 'trustedkeys', 'prefix.d', 'example.com');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, key.fingerprint), key.publicKeyArmored);
  };
  const mask = (): void => {
    const folder = join(context.localConfig, 'trustedkeys', 'prefix.d', 'example.com');
    writeFileSync(join(folder, key.fingerprint), '');
  };

  beforeAll(async () => {
    context = createPodContext();
    key = await makeSigningKey({ name: 'publisher' });
    trust();
    const image = await makeImage(context.workDir, {
      name: SIGNED,
      app: { exec: ['/bin/echo', 'ran'] },
    });
    await key.signDetached(image, `${image}.asc`);
    demandSuccess(await context.gantry(['fetch', image]), 'fetch a signed image');

    const plain = await makeImage(context.workDir, { name: 'example.com/plain' });
    demandSuccess(
      await context.gantry(['fetch', '--insecure-options=image', plain]),
      'fetch an unsigned image',
    );
    const dependant = await makeImage(context.workDir, {
      name: 'example.com/dependant',
      manifest: { dependencies: [{ imageName: 'example.com/plain' }] },
    });
    await key.signDetached(dependant, `${dependant}.asc`);
    demandSuccess(
      await context.gantry(['fetch', '--pull-policy=new', '--insecure-options=image', dependant]),
      'fetch a dependant',
    );
  });
  afterAll(async () => {
    await context[Symbol.asyncDispose]();
  });

  it('runs what a trusted key signed, without a word', async () => {
    const { stdout, stderr, exitCode } = await run(SIGNED);

    expect([stdout.toString(), exitCode]).toEqual(['ran\n', 0]);
    expect(stderr).not.toContain('warning');
  });

  it('refuses an image the copy of whose manifest has changed, until that is restored', async () => {
    const [copy = ''] = globSync(join(context.dataDir, 'cas/imageManifest/sha512/*/*')).filter(
      (path) => readFileSync(path, 'utf8').includes(SIGNED),
    );
    const before = readFileSync(copy, 'utf8');
    writeFileSync(copy, before.replace('"ran"', '"evil"'));
    const refused = await run(SIGNED);
    expect([refused.stdout.toString(), refused.exitCode]).toEqual(['', 254]);
    expect(refused.stderr).toContain('the copy of its manifest does not say what the image says');

    writeFileSync(copy, before);
    const { stdout, stderr } = await run(SIGNED);
    expect(stdout.toString()).toBe('ran\n');
    expect(stderr).not.toContain('rendering');
  });

  it('refuses an image whose archive has changed as the copy has, and leaves its tree', async () => {
    const changed = ['imageManifest', 'blob']
      .flatMap((folder) => globSync(join(context.dataDir, 'cas', folder, 'sha512/*/*')))
      .map((path) => ({ path, before: readFileSync(path, 'latin1') }))
      .filter(({ before }) => before.includes(SIGNED) && before.includes('"ran"'));
    const change = (to: string): void => {
      for (const { path, before } of changed) {
        writeFileSync(path, before.replaceAll('"ran"', to), 'latin1');
      }
    };
    expect(changed).toHaveLength(2);
    change('"bad"');
    const refused = await run(SIGNED);
    change('"ran"');
    expect([refused.stdout.toString(), refused.exitCode]).toEqual(['', 254]);
    expect(refused.stderr).toContain('its blob now hashes to sha512-');

    const { stdout, stderr } = await run(SIGNED);
    expect(stdout.toString()).toBe('ran\n');
    expect(`${refused.stderr}${stderr}`).not.toContain('rendering');
  });

  it('renders a tree again whose manifest has changed', async () => {
    const [own = ''] = globSync(join(context.dataDir, 'cas/tree/*/manifest')).filter((path) =>
      readFileSync(path, 'utf8').includes(SIGNED),
    );
    writeFileSync(own, readFileSync(own, 'utf8').replace('"ran"', '"evil"'));
    const { stdout, stderr } = await run(SIGNED);

    expect(stdout.toString()).toBe('ran\n');
    expect(stderr).toMatch(/the manifest in tree ".*" has changed; rendering it again/);
    expect((await run(SIGNED)).stderr).not.toContain('rendering');
  });

  it('refuses what was fetched insecurely unless told again, and warns each time', async () => {
    const refused = await run('example.com/plain');
    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toContain('it was fetched without a verified signature');

    for (let turn = 0; turn < 2; turn += 1) {
      const told = await run('--insecure-options=image', 'example.com/plain');
      expect(told.exitCode).toBe(0);
      expect(told.stderr).toContain('was fetched without a verified signature: run anyway');
    }
  });

  it('asks about what an image depends on, too', async () => {
    const { exitCode, stderr } = await run('example.com/dependant');

    expect(exitCode).toBe(254);
    expect(stderr).toMatch(/image "example\.com\/(plain|dependant)"/);
  });

  it('refuses an image once its key is masked, also when it was prepared before', async () => {
    const prepare = ['prepare', '--quiet', '--stage1-name=fly', SIGNED];
    const uuid = demandSuccess(await context.gantry(prepare), 'prepare')
      .stdout.toString()
      .trim();
    mask();
    try {
      expect((await run(SIGNED)).stderr).toContain('whose trust has been masked');
      const late = await context.gantry(['run-prepared', uuid]);
      expect(late.exitCode).toBe(254);
      expect(late.stderr).toContain('whose trust has been masked');
    } finally {
      trust();
    }

    expect((await context.gantry(['run-prepared', uuid])).exitCode).toBe(0);
  });

  it('renders a tree again that somebody changed, and never runs the change', async () => {
    const app = [SIGNED, '--exec=/bin/cat', '--', '/bin/probe'];
    const prepare = ['prepare', '--quiet', '--stage1-name=fly', ...app];
    const uuid = demandSuccess(await context.gantry(prepare), 'prepare')
      .stdout.toString()
      .trim();
    const change = (): void => {
      const trees = join(context.dataDir, 'cas', 'tree', '*', 'rootfs', 'bin', 'probe');
      for (const path of globSync(trees)) appendFileSync(path, '# changed\n');
    };
    const runs = [() => run(...app), () => context.gantry(['run-prepared', uuid])];

    for (const again of runs) {
      change();
      const { stdout, stderr, exitCode } = await again();
      expect(exitCode).toBe(0);
      expect(stderr).toMatch(/since it was rendered.*rendering it again/);
      expect(stdout.toString()).toContain('#!/bin/sh');
      expect(stdout.toString()).not.toContain('# changed');
    }
  });
});
