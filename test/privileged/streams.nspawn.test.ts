import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { inShell } from '../helpers/in-shell.ts';
import {
  commandLine,
  createNspawnPods,
  type NspawnPods,
  processesOf,
} from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/streams';
const sh = inShell(NAME);

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('output of nspawn apps', () => {
  let pods: NspawnPods;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  /** What came on standard error beside gantry's own talk. */
  const talk = (stderr: string): string => stderr.replace(/^gantry run: .*\n/gm, '');

  const withoutRuns = (text: string): string => text.replace(/x{9,}/g, (run) => `x*${run.length}`);

  it('reaches the caller byte for byte, each stream apart', async () => {
    const { stdout, stderr } = await pods.run(
      sh('printf "a\\r\\n\\000\\377<3>no end"; printf "err\\r\\n\\tnone" >&2'),
    );

    expect(stdout.toString('latin1')).toBe('a\r\n\0\xff<3>no end');
    expect(talk(stderr)).toBe('err\r\n\tnone');
  });

  it('is named line by line when it can be of several apps', async () => {
    const echo = (name: string): readonly string[] => [NAME, `--name=${name}`, '--exec=/bin/echo'];
    const { stdout } = await pods.run([
      ...echo('a'),
      '--',
      'one',
      '---',
      ...echo('b'),
      '--',
      'two',
    ]);

    expect(stdout.toString().split('\n').toSorted()).toEqual(['', 'a: one', 'b: two']);
  });

  it('is shown line by line as it comes, of several apps too', async () => {
    const pod = await pods.start([
      ...sh('echo ready; sleep 300', '--name=a'),
      '---',
      NAME,
      '--name=b',
      '--exec=/bin/true',
    ]);
    pod.program.kill('SIGTERM');

    expect((await pod.program.ended).exitCode).toBe(0);
  });

  it.each(['', '--user=1000'])('can be written through /dev/stdout (%s)', async (user) => {
    const script = 'echo one >/dev/stdout; echo two >>/proc/self/fd/1; echo three >/dev/stderr';
    const { stdout, stderr } = await pods.run(sh(script, ...(user === '' ? [] : [user])));

    expect(stdout.toString()).toBe('one\ntwo\n');
    expect(talk(stderr)).toBe('three\n');
  });

  it('loses nothing of an app that says much and ends at once', async () => {
    const file = join(pods.context.workDir, 'uuid-much');
    const script = 'head -c 1000000 /dev/zero | busybox tr "\\0" x >&2';
    const { stdout, stderr } = await pods.run([`--uuid-file-save=${file}`, ...sh(script)]);
    const logged = await pods.context.gantry(['logs', '--stream=stderr', `--uuid-file=${file}`]);

    expect(stdout.toString()).toBe('');
    expect(talk(stderr) === 'x'.repeat(1_000_000)).toBe(true);
    expect(logged.stdout.toString() === `${'x'.repeat(1_000_000)}\n`).toBe(true);
  });

  it('loses no first words that are last words', async () => {
    const pod = await pods.start(['--pod-name=last', ...sh('echo ready; sleep 300')]);
    await pods.context.gantry(['stop', pod.uuid]);
    await pod.program.ended;
    const file = join(pods.context.workDir, 'uuid-silent');
    const script = 'trap "echo my only words >&2; exit 0" TERM; touch /up; sleep 300 & wait';
    const silent = pods.context.start([
      'run',
      '--insecure-options=image',
      `--uuid-file-save=${file}`,
      ...sh(script),
    ]);
    const { context } = pods;
    while (
      (await context.gantry(['enter', `--uuid-file=${file}`, '/bin/stat', '/up'])).exitCode !== 0
    ) {}
    await context.gantry(['stop', `--uuid-file=${file}`]);
    const { stderr } = await silent.ended;

    expect(stderr).toMatch(/^my only words$/m);
    const { stderr: logged } = await context.gantry(['logs', `--uuid-file=${file}`]);
    expect(logged).toBe('my only words\n');
  });

  it('is appended to files, and leaves what is there', async () => {
    const path = join(pods.context.workDir, 'out');
    writeFileSync(path, 'before\n');
    const fd = openSync(path, 'r+');
    await pods.run(sh('echo out; echo err >&2'), { stdout: fd, stderr: fd });
    closeSync(fd);
    const lines = readFileSync(path, 'utf8').split('\n');

    expect(lines).toContain('out');
    expect(lines).toContain('err');
  });

  it('goes to the journal when the caller has gone', async () => {
    const file = join(pods.context.workDir, 'uuid-gone');
    const script = 'sleep 1; head -c 300000 /dev/zero | busybox tr "\\0" x; echo; echo end';
    const run = pods.context
      .argv('run', '--insecure-options=image', `--uuid-file-save=${file}`, ...sh(script))
      .map((word) => `'${word}'`);
    await nodeExec.run({
      argv: [
        'sh',
        '-c',
        `${run.join(' ')} | true; exec ${pods.context.argv('status', '--wait=60s', `--uuid-file=${file}`).join(' ')}`,
      ],
      env: { PATH: '/usr/bin:/bin' },
      timeoutMs: 60_000,
    });
    const { stdout } = await pods.context.gantry(['logs', `--uuid-file=${file}`]);

    expect(withoutRuns(stdout.toString())).toBe('x*300000\nend\n');
  });

  it('goes to the journal when the caller takes nothing any more', async () => {
    const file = join(pods.context.workDir, 'uuid-stalled');
    const script = 'head -c 100000 /dev/zero | busybox tr "\\0" x; echo; echo end';
    const run = pods.context
      .argv('run', '--insecure-options=image', `--uuid-file-save=${file}`, ...sh(script))
      .map((word) => `'${word}'`);
    const logged = `${pods.context.argv('logs', `--uuid-file=${file}`).join(' ')} | grep -q end`;
    await nodeExec.run({
      // It is given up after five seconds; until then nothing of the last line is in the journal.
      argv: ['sh', '-c', `${run.join(' ')} | { sleep 5; until ${logged}; do sleep 0.2; done; }`],
      env: { PATH: '/usr/bin:/bin' },
      timeoutMs: 60_000,
    });
    const { stdout } = await pods.context.gantry(['logs', `--uuid-file=${file}`]);

    expect(withoutRuns(stdout.toString())).toBe('x*100000\nend\n');
  });

  it('costs no process while an app says nothing', async () => {
    const file = join(pods.context.workDir, 'uuid-quiet');
    const quiet = pods.context.start([
      'run',
      '--insecure-options=image',
      `--uuid-file-save=${file}`,
      NAME,
      '--exec=/bin/sleep',
      '--',
      '300',
    ]);
    while (
      (await pods.context.gantry(['status', '--wait-ready=30s', `--uuid-file=${file}`]))
        .exitCode !== 0
    ) {}
    const uuid = readFileSync(file, 'utf8').trim();
    const programs = processesOf(uuid).map((pid) => commandLine(pid)[0]);
    await pods.context.gantry(['stop', uuid]);
    await quiet.ended;

    expect(programs.filter((program) => /busybox|journald/.test(program ?? ''))).toEqual([]);
  });
});
