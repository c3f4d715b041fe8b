import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult, RunningProgram } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { file } from '../doubles/image-server.ts';
import { eventually } from '../helpers/eventually.ts';
import { makeImage } from '../helpers/image-maker.ts';
import { GANTRY } from '../helpers/pod-context.ts';
import { type Publisher, startPublisher } from '../helpers/publisher.ts';
import { requires } from '../helpers/requires.ts';
import { tinyAci } from '../helpers/tiny-aci.ts';

const DIST = dirname(GANTRY);
const BUILD = join(dirname(DIST), '.build');
const UNSIGNED = '--insecure-options=image';
/** Ends at once when it is asked to; a shell may have a word to say of what it waited for. */
const APP = 'exec 2>/dev/null; trap "exit 0" TERM; echo ready; while :; do sleep 0.1; done';

describe.runIf(requires('root', 'overlay', 'busybox', 'nspawn', 'mount-namespace'))(
  'a program that is replaced',
  () => {
    let publisher: Publisher;
    let folder: string;
    let program: string;
    beforeAll(async () => {
      mkdirSync(BUILD, { recursive: true });
      // On the file system of what is built, for hard links.
      folder = mkdtempSync(join(BUILD, 'replaced-'));
      program = join(folder, 'program');
      publisher = await startPublisher();
      const image = await makeImage(publisher.machine.workDir, {
        name: 'example.com/web',
        app: { exec: ['/bin/sh', '-c', APP] },
      });
      demandSuccess(await publisher.gantry([UNSIGNED, 'fetch', image]), 'fetch');
      copyProgram(DIST, program);
    });
    afterAll(async () => {
      await publisher[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    const argv = (...args: readonly string[]): [string, ...string[]] => {
      const [, ...rest] = publisher.machine.argv(...args);
      return [join(program, 'gantry'), ...rest];
    };
    const start = (...args: readonly string[]): RunningProgram =>
      nodeExec.stream({ argv: argv(...args), env: publisher.env });
    const gantry = async (...args: readonly string[]): Promise<string> => {
      const result: ExecResult = await nodeExec.run({ argv: argv(...args), env: publisher.env });
      return demandSuccess(result, args.join(' ')).stdout.toString();
    };

    it('leaves its commands whole, and its pods to the new one', async () => {
      const slow = Promise.withResolvers<void>();
      const data = gzipSync(tinyAci({ name: 'example.com/late' }));
      const serve = file(data);
      publisher.server.on('/late.aci', (request, response) => {
        void slow.promise.then(() => serve(request, response));
      });
      const pod = start('run', UNSIGNED, '--pod-name=web', 'example.com/web');
      await eventually('the pod', async () => (await gantry('list')).includes('running'));
      const late = ['--pod-name=late', 'https://example.com/late.aci', '--exec=/true'];
      const running = {
        waiting: start('wait', 'web'),
        following: start('logs', '--follow', 'web'),
        fetching: start('prepare', UNSIGNED, ...late),
      };
      const followed = collect(running.following);
      await eventually('the fetch', async () =>
        publisher.server.seen.some(({ target }) => target.includes('/late.aci')),
      );
      await eventually('the log', async () => followed.text.includes('ready'));

      replace(program, folder);
      const putBack = breakExtraction(join(program, 'lib'));
      slow.resolve();

      const fetched = await running.fetching.ended;
      expect([fetched.exitCode, fetched.stderr]).toEqual([0, expect.stringContaining('done')]);
      putBack();
      expect(await gantry('list')).toMatch(/running .*web/);
      expect(await gantry('status', 'web')).toMatch(/^state=running$/m);
      expect(await gantry('logs', 'web')).toContain('ready');
      expect(await gantry('enter', 'web', '/bin/echo', 'inside')).toContain('inside');
      await gantry('stop', 'web');
      expect((await pod.ended).exitCode).toBe(0);
      expect(await running.waiting.ended).toMatchObject({ exitCode: 0, stderr: '' });
      expect(await running.following.ended).toMatchObject({ exitCode: 0, stderr: '' });
      await gantry('rm', 'web', 'late');
      expect(await gantry('list', '--no-legend')).toBe('');
    });

    it('starts as the new one when that happens while it starts', async () => {
      const boot = join(program, 'lib', 'boot.js');
      const next = join(folder, 'next');
      copyProgram(program, next);
      renameBuild(next);
      const swap = `require('node:fs').renameSync('${program}','${folder}/gone');require('node:fs').renameSync('${next}','${program}');`;
      rewrite(boot, (text) => swap + text);

      expect(await gantry('version')).toMatch(/^gantry Version: /);
      expect(existsSync(next)).toBe(false);
    });

    it('is told to be broken when it is', async () => {
      for (const name of readdirSync(join(program, 'lib'))) {
        if (name.startsWith('chunks-')) rmSync(join(program, 'lib', name));
      }
      const result = await nodeExec.run({ argv: argv('version'), env: publisher.env });

      expect(result.exitCode).not.toBe(0);
      expect(result.stderr).toContain('is not whole: install it again');
    });
  },
);

/** As an operator would do it; with nothing left of what was there. */
function replace(program: string, folder: string): void {
  const next = join(folder, 'next');
  copyProgram(program, next);
  renameBuild(next);
  renameSync(program, join(folder, 'old'));
  renameSync(next, program);
  rmSync(join(folder, 'old'), { recursive: true });
}

/** What only the old one's commands go on with. @returns what undoes it */
function breakExtraction(lib: string): () => void {
  const worker = readdirSync(lib).find((name) => name.startsWith('extract-worker'));
  rewrite(join(lib, worker ?? ''), () => 'process.exit(9);');
  const addon = join(lib, 'koffi.node');
  renameSync(addon, `${addon}.away`);

  return () => renameSync(`${addon}.away`, addon);
}

function copyProgram(from: string, to: string): void {
  demandSuccess(
    nodeExec.runSync({ argv: ['cp', '-al', from, to], env: { PATH: '/usr/bin:/bin' } }),
    'copy the program',
  );
}

/** Makes another build of a copy: what belongs to a build is named after it. */
function renameBuild(program: string): void {
  const lib = join(program, 'lib');
  const build = readdirSync(lib)
    .find((name) => name.startsWith('chunks-'))
    ?.slice('chunks-'.length);
  if (build === undefined) throw new Error('a program without chunks');
  const other = Buffer.from(build).reverse().toString();
  for (const dir of [lib, join(program, 'cache')]) {
    for (const name of readdirSync(dir).filter((each) => each.includes(build))) {
      renameSync(join(dir, name), join(dir, name.replace(build, other)));
    }
  }
  rewrite(join(lib, 'boot.js'), (text) => text.replaceAll(build, other));
}

/** Changes a file that has other hard links. */
function rewrite(path: string, change: (text: string) => string): void {
  const text = change(readFileSync(path, 'utf8'));
  rmSync(path);
  writeFileSync(path, text);
}

function collect({ stdout }: RunningProgram): { readonly text: string } {
  const said = { text: '' };
  stdout.on('data', (piece: Buffer) => (said.text += piece.toString()));

  return said;
}
