import { globSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';
import { createNspawnPods, type NspawnPods, until } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/talker';
const script = (text: string): readonly string[] => ['--exec=/bin/sh', '--', '-c', text, '---'];

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('gantry logs', () => {
  let pods: NspawnPods;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
    await pods.context.gantry(args);
  const logs = async (...args: readonly string[]): Promise<string> => {
    const result = await gantry('logs', ...args);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    return result.stdout.toString('latin1');
  };
  const bothLogs = async (...args: readonly string[]): Promise<readonly [string, string]> => {
    const { stdout, stderr } = await gantry('logs', ...args);
    return [stdout.toString('latin1'), stderr];
  };
  const two = [
    NAME,
    '--name=web',
    ...script('echo one; echo err >&2; printf "\\377\\033[1mraw\\n<3>text\\nlast"'),
    NAME,
    '--name=db',
    ...script('sleep 1; echo two'),
  ];

  it('prints what apps said as they said it, of all or of one, while and after they lie as garbage', async () => {
    const file = join(pods.context.workDir, 'uuid-two');
    await pods.run([`--uuid-file-save=${file}`, ...two]);

    const web = 'one\n\xff\x1b[1mraw\n<3>text\nlast\n';
    expect(await bothLogs('--app=web', `--uuid-file=${file}`)).toEqual([web, 'err\n']);
    expect(await logs('--app=db', `--uuid-file=${file}`)).toBe('two\n');
    expect(await bothLogs(`--uuid-file=${file}`)).toEqual([
      `${web.replace(/^/gm, 'web: ').slice(0, -5)}db: two\n`,
      'web: err\n',
    ]);
    expect(await logs('--stream=stdout', '--app=web', `--uuid-file=${file}`)).toBe(web);
    expect(await logs('--stream=stderr', `--uuid-file=${file}`)).toBe('web: err\n');
    expect(await logs('--stream=stdout', '--app=web', '--lines=1', `--uuid-file=${file}`)).toBe(
      'last\n',
    );
    await gantry('gc', '--mark-only');
    expect(await logs('--app=db', '--app=web', '--lines=1', `--uuid-file=${file}`)).toBe(
      'db: two\n',
    );
    expect(await logs('--follow', '--app=db', `--uuid-file=${file}`)).toBe('two\n');
  });

  it('keeps NUL, and of white space what journald leaves', async () => {
    const file = join(pods.context.workDir, 'uuid-bytes');
    const odd = (name: string): readonly string[] => [
      NAME,
      `--name=${name}`,
      ...script('printf "one\\n\\n \\t two \\t\\r\\na\\000b\\n"'),
    ];
    await pods.run([`--uuid-file-save=${file}`, ...odd('x'), ...odd('y')]);

    expect(await logs('--app=x', `--uuid-file=${file}`)).toBe('one\n \t two\na\0b\n');
    expect((await logs(`--uuid-file=${file}`)).split('\n').toSorted()).toEqual(
      ['', 'x: one', 'x:  \t two', 'x: a\0b', 'y: one', 'y:  \t two', 'y: a\0b'].toSorted(),
    );
  });

  it('prints times, and only what was said between two', async () => {
    const pod = await pods.start([NAME, ...script('echo ready; sleep 2; echo late')]);
    await pod.program.ended;
    const [, first = '', last = ''] =
      /^(\S+Z) ready\n(\S+Z) late\n$/.exec(await logs('--timestamps', pod.uuid)) ?? [];

    expect(Date.parse(last) - Date.parse(first)).toBeGreaterThan(1500);
    expect(await logs(`--since=${last}`, pod.uuid)).toBe('late\n');
    expect(await logs(`--until=${first.slice(0, 23)}Z`, pod.uuid)).not.toContain('late');
    expect(await logs('--since=1h', pod.uuid)).toBe('ready\nlate\n');
    expect(await logs('--since=0s', pod.uuid)).toBe('');
    expect(await logs('--since=yesterday', '--until=tomorrow', pod.uuid)).toBe('ready\nlate\n');
  });

  it('follows a pod until it ends, and loses nothing', async () => {
    const file = join(pods.context.workDir, 'uuid-follow');
    const uuid = (
      await gantry(
        'prepare',
        '--quiet',
        '--insecure-options=image',
        NAME,
        ...script(
          'sleep 1; i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done; sleep 1; echo end',
        ),
      )
    ).stdout
      .toString()
      .trim();
    writeFileSync(file, uuid);
    const pod = pods.context.start([
      'run-prepared',
      '--insecure-options=image',
      '--net=none',
      uuid,
    ]);
    while (!(await gantry('status', uuid)).stdout.toString().includes('state=running')) {}
    const following = pods.context.start(['logs', '--follow', uuid]);
    let early = '';
    following.stdout.on('data', (chunk: Buffer) => {
      early += chunk.toString();
    });
    await until('something is followed', () => early.includes('1999\n'));
    const { exitCode } = await following.ended;
    await pod.ended;

    expect(exitCode).toBe(0);
    expect(early).toBe(`${Array.from({ length: 2000 }, (_, at) => at).join('\n')}\nend\n`);
  });

  it('follows a journal in which nothing is yet', async () => {
    const pod = await pods.start([NAME, ...script('echo ready; exec sleep 300')]);
    while ((await logs(pod.uuid)) === '') {}
    const [journal = ''] = globSync(join(pod.dir, 'overlay/*/upper/var/log/journal/*'));
    const aside = join(pods.context.workDir, 'journal');
    renameSync(journal, aside);
    const following = pods.context.start(['logs', '--follow', pod.uuid]);
    let said = '';
    following.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await Promise.race([following.ended, sleep(500)]);
    renameSync(aside, journal);

    await until('it is followed', () => said === 'ready\n');
    await gantry('stop', pod.uuid);
    expect(await following.ended).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('ends with its reader, and leaves no process', async () => {
    const pod = await pods.start([NAME, ...script('echo ready; sleep 1; echo more; sleep 300')]);
    const command = pods.context.argv('logs', '--follow', pod.uuid).map((word) => `'${word}'`);
    const { exitCode } = await nodeExec.run({
      argv: ['sh', '-c', `${command.join(' ')} | head -1`],
      env: { PATH: '/usr/bin:/bin' },
      timeoutMs: 20_000,
    });
    const left = await nodeExec.run({
      argv: ['pgrep', '-f', `journalctl.*${pod.uuid}`],
      env: { PATH: '/usr/bin:/bin' },
    });
    pod.program.kill('SIGTERM');
    await pod.program.ended;

    expect(exitCode).toBe(0);
    expect(left.stdout.toString()).toBe('');
  });

  it('puts a line together that was too long for one entry', async () => {
    const file = join(pods.context.workDir, 'uuid-long');
    const text = 'head -c 120000 /dev/zero | busybox tr "\\0" x; echo; echo next';
    await pods.run([`--uuid-file-save=${file}`, NAME, ...script(text)]);

    expect(await logs(`--uuid-file=${file}`)).toBe(`${'x'.repeat(120_000)}\nnext\n`);
  });

  it('refuses what has no logs', async () => {
    const run = ['run', '--insecure-options=image', '--stage1-name=fly'];
    await gantry(...run, '--pod-name=fly', NAME);
    const fly = await gantry('logs', 'fly');
    await gantry('prepare', '--insecure-options=image', '--pod-name=later', NAME);
    const prepared = await gantry('logs', 'later');
    await gantry('run', '--insecure-options=image', '--pod-name=ran', NAME, '--exec=/bin/id');
    const app = await gantry('logs', '--app=nobody', 'ran');
    const time = await gantry('logs', '--since=whenever', 'ran');

    expect(fly.exitCode).toBe(254);
    expect(fly.stderr).toMatch(/cannot read the logs of pod \S+: gantry.sh\/stage1-fly keeps none/);
    expect(prepared.stderr).toMatch(/cannot read the logs of pod \S+: it is prepared/);
    expect(app.stderr).toContain('it has no app "nobody"');
    expect(time).toMatchObject({ exitCode: 254 });
    expect(time.stderr).toContain('whenever');
  });

  it.each([
    [['logs'], 'no pod is given'],
    [['logs', '--lines=-1', 'x'], 'cannot read --lines'],
    [['logs', '--stream=stdin', 'x'], 'cannot read --stream: unknown stream "stdin"'],
    [['logs', '--lines=many', 'x'], 'cannot read --lines'],
  ])('refuses %j', async (args, message) => {
    expect((await gantry(...args)).stderr).toContain(message);
  });
});
