import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { inShell } from '../helpers/in-shell.ts';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/run-nspawn';
const sh = inShell(NAME);

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('gantry run (nspawn)', () => {
  let pods: NspawnPods;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  it('shows what an app says and ends as it does', async () => {
    const { stdout, stderr, exitCode } = await pods.run(sh('echo out; echo err >&2; exit 3'));

    expect(stdout.toString()).toBe('out\n');
    expect(stderr).toMatch(/^err$/m);
    expect(exitCode).toBe(3);
  });

  it.each([
    ['exit 0', 0],
    ['kill -KILL $$', 137],
    ['kill -TERM $$', 143],
    ['kill -SEGV $$', 139],
    ['exit 203', 203],
  ])('run() of "%s" exits with %i', async (script, expected) => {
    expect((await pods.run(sh(script))).exitCode).toBe(expected);
  });

  it.each([
    ['/bin/no-such-program', 127],
    ['no-such-program', 127],
    ['/etc/passwd', 126],
  ])('run() of %s exits with %i', async (exec, expected) => {
    expect((await pods.run([NAME, `--exec=${exec}`])).exitCode).toBe(expected);
  });

  it('ends several apps in order when one fails, with its status', async () => {
    const uuidFile = join(pods.context.workDir, 'several');
    const result = await pods.run([
      `--uuid-file-save=${uuidFile}`,
      NAME,
      '--name=good',
      '--exec=/bin/true',
      '---',
      NAME,
      '--name=bad',
      '--exec=/bin/sh',
      '--',
      '-c',
      'sleep 1; exit 4',
      '---',
      NAME,
      '--name=slow',
      '--exec=/bin/sh',
      '--',
      '-c',
      'trap "echo stopped; exit 9" TERM; sleep 60 & wait',
    ]);

    expect(result.exitCode).toBe(4);
    expect(result.stdout.toString()).toContain('stopped');
    const status = await pods.context.gantry(['status', '--wait', `--uuid-file=${uuidFile}`]);
    expect(status.stdout.toString()).toMatch(/app-good=0\n[^]*app-bad=4\n[^]*app-slow=9\n/);
  });

  it('hands over every argument as it is', async () => {
    const args = ['', ' ', '%n %%', '$HOME $$', '"', "'", '\\', '\\x41', 'a;b', ';', 'é\t\n', '{}'];
    const image = 'example.com/arguments';
    await pods.add({
      name: image,
      app: { exec: ['/bin/sh', '-c', 'printf "%s|" "$@"', 'x', ...args] },
    });
    const { stdout } = await pods.run(['--interactive', image]);

    expect(stdout.toString()).toBe(`${args.join('|')}|`);
  });

  it('sets the environment of the image and no more than a service has', async () => {
    const image = 'example.com/environment';
    const odd = 'quote" back\\ dollar$ percent%n\nline';
    await pods.add({
      name: image,
      app: {
        exec: ['/bin/env'],
        environment: [
          { name: 'ODD', value: odd },
          { name: 'discovery.type', value: 'single-node' },
          { name: 'ESCAPE', value: '\u001b[1m' },
        ],
      },
    });
    const { stdout } = await pods.run(['--interactive', image]);

    const lines = stdout.toString();
    expect(lines).toContain(`ODD=${odd}\n`);
    expect(lines).toContain('discovery.type=single-node\n');
    expect(lines).toContain('ESCAPE=\u001b[1m\n');
    const names = new Set([...lines.matchAll(/^([\w.]+)=/gm)].map(([, name]) => name));
    expect(names).toEqual(
      new Set([
        'AC_APP_NAME',
        'ESCAPE',
        'HOME',
        'LOGNAME',
        'ODD',
        'PATH',
        'SHELL',
        'USER',
        'container',
        'discovery.type',
      ]),
    );
  });

  it('runs pre-start and post-stop as root, in the app’s root, around the app', async () => {
    const image = 'example.com/handlers';
    await pods.add({
      name: image,
      app: {
        user: '1000',
        group: '100',
        exec: ['/bin/sh', '-c', 'ls -l /pre; id -u; exit 5'],
        eventHandlers: [
          { name: 'pre-start', exec: ['/bin/sh', '-c', 'id -u; touch /pre'] },
          { name: 'post-stop', exec: ['/bin/sh', '-c', 'id -u; echo post'] },
        ],
      },
    });
    const { stdout, exitCode } = await pods.run(['--interactive', image]);

    expect(exitCode).toBe(5);
    expect(stdout.toString()).toMatch(/^0\n.*\/pre\n1000\n0\npost\n$/);
  });

  it('fails the pod when pre-start fails, without running the app', async () => {
    const image = 'example.com/failing-handler';
    await pods.add({
      name: image,
      app: {
        exec: ['/bin/echo', 'ran'],
        eventHandlers: [{ name: 'pre-start', exec: ['/bin/false'] }],
      },
    });
    const { stdout, exitCode } = await pods.run([image]);

    expect(exitCode).toBe(1);
    expect(stdout.toString()).not.toContain('ran');
  });

  it('connects an interactive app with the caller’s streams', async () => {
    const args = ['--interactive', ...sh('cat; echo err >&2; exit 6')];
    const { stdout, stderr, exitCode } = await pods.run(args, { input: 'a\0b\r\nc' });

    expect(stdout.toString()).toBe('a\0b\r\nc');
    expect(stderr).toMatch(/^err$/m);
    expect(exitCode).toBe(6);
  });

  it('gives an interactive app a terminal when the caller has one', async () => {
    const argv = pods.context.argv(
      'run',
      '--insecure-options=image',
      '--interactive',
      ...sh('test -t 0 && test -t 1 && echo ready; read -r x </dev/tty; echo "got $x"'),
    );
    const program = nodeExec.stream({
      argv: ['script', '-qec', argv.map((word) => `'${word}'`).join(' '), '/dev/null'],
      env: { PATH: '/usr/bin:/bin', TERM: 'xterm' },
      timeoutMs: 30_000,
    });
    let shown = '';
    program.stdout.on('data', (chunk: Buffer) => {
      if (!shown.includes('ready') && chunk.includes('ready')) program.stdin.write('typed\n');
      shown += chunk.toString();
    });
    await program.ended;

    expect(shown).toContain('got typed');
  });

  it('keeps what apps say in a journal that the host reads', async () => {
    const uuidFile = join(pods.context.workDir, 'journal');
    await pods.run([`--uuid-file-save=${uuidFile}`, ...sh('echo logged; echo "<3>as it is"')]);
    const uuid = readFileSync(uuidFile, 'utf8').trim();
    const folder = join(pods.context.dataDir, 'pods', 'run', uuid, 'overlay');
    const [journal = ''] = (
      await nodeExec.run({
        argv: ['find', folder, '-path', '*/var/log/journal'],
        env: { PATH: '/usr/bin:/bin' },
      })
    ).stdout
      .toString()
      .split('\n');
    const { stdout } = await nodeExec.run({
      argv: ['journalctl', '-D', journal, '-o', 'cat', '-t', 'run-nspawn'],
      env: { PATH: '/usr/bin:/bin' },
    });

    expect(stdout.toString()).toBe('logged\n<3>as it is\n');
  });

  it('mounts volumes where they are asked for, and only there', async () => {
    const source = join(pods.context.workDir, 'volume');
    mkdirSync(source);
    writeFileSync(join(source, 'file'), 'from the host\n');
    const script = 'cat /rw/file; touch /rw/new; touch /ro/new; touch /x; stat -c "%a %u" /empty';
    const { stdout, stderr } = await pods.run([
      '--interactive',
      `--volume=rw,kind=host,source=${source}`,
      `--volume=ro,kind=host,source=${source},readOnly=true`,
      '--volume=empty,kind=empty,mode=0700,uid=7',
      NAME,
      '--readonly-rootfs=true',
      '--exec=/bin/sh',
      '--mount=volume=rw,target=/rw',
      '--mount=volume=ro,target=/ro',
      '--mount=volume=empty,target=/empty',
      '--',
      '-c',
      script,
    ]);

    expect(stdout.toString()).toBe('from the host\n700 7\n');
    expect(stderr).toMatch(/\/ro\/new: Read-only[^]*\/x: Read-only/);
    expect(readFileSync(join(source, 'new'), 'utf8')).toBe('');
  });

  it('names the pod as it is told to', async () => {
    const facts = await pods.probe(
      NAME,
      ['hostname', 'hosts', 'resolv'],
      ['--hostname=fancy', '--hosts-entry=10.1.2.3=there', '--dns=10.0.0.53'],
    );

    expect(facts('hostname')).toEqual(['fancy']);
    expect(facts('hosts').join('\n')).toMatch(/127\.0\.0\.1\s.*[^]*10\.1\.2\.3\s+there/);
    expect(facts('resolv')).toContain('nameserver 10.0.0.53');
  });

  it('knows its own name beside the hosts that are asked for', async () => {
    const script = 'grep -c "^127.0.0.1.*$(hostname)" /etc/hosts; cat /etc/hosts';
    const { stdout } = await pods.run(['--hosts-entry=10.1.2.3=there', ...sh(script)]);

    expect(stdout.toString()).toMatch(/^1\n[^]*10\.1\.2\.3\tthere/);
  });

  it('runs as the user and groups that it is told to', async () => {
    const { stdout } = await pods.run([
      '--interactive',
      NAME,
      '--user=user',
      '--group=users',
      '--supplementary-gids=200,7',
      '--working-dir=/tmp',
      '--exec=/bin/sh',
      '--',
      '-c',
      'id -u; id -g; id -G; pwd',
    ]);
    const [uid, gid, groups, cwd] = stdout.toString().split('\n');

    expect([uid, gid, cwd]).toEqual(['1000', '100', '/tmp']);
    expect(new Set(groups?.split(' '))).toEqual(new Set(['100', '200', '7']));
  });
});
