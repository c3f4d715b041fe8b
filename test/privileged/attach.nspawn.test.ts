import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult, RunningProgram } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';
import { createNspawnPods, type NspawnPods, until } from '../helpers/nspawn-pods.ts';
import { onTerminal, type TerminalSession } from '../helpers/on-terminal.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/attach';
const STREAMS = ['--stdin=stream', '--stdout=stream', '--stderr=stream'];
const TTY = ['--stdin=tty', '--stdout=tty', '--stderr=tty'];

interface Client extends RunningProgram {
  readonly said: () => string;
}

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('gantry attach', () => {
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
  /** Starts a pod whose app says `ready`. */
  const start = async (name: string, script: string, flags: readonly string[]): Promise<void> => {
    const app = [NAME, ...flags, '--exec=/bin/sh', '--', '-c', `echo ready; ${script}`];
    await pods.start([`--pod-name=${name}`, ...app]);
  };
  const attach = (...args: readonly string[]): Client => {
    const program = pods.context.start(['attach', ...args]);
    let text = '';
    program.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    return { ...program, said: () => text };
  };
  /** A client sees what comes from the moment that it is there, which is when it has its input. */
  const answers = async (client: Client, word: string): Promise<void> => {
    client.stdin.write(`${word}\n`);
    await until(
      () => `the client has its answer: ${client.said()}`,
      () => client.said().includes(`got ${word}\n`),
      30_000,
    );
  };

  it('connects several clients with streams, and ends with the app, with its status', async () => {
    await start(
      'streams',
      'while read x; do echo got $x; [ "$x" = end ] && { printf "\\000\\377" ; echo e >&2; exit 5; }; done',
      STREAMS,
    );
    expect((await gantry('attach', '--mode=list', 'streams')).stdout.toString()).toBe(
      'stdin\nstdout\nstderr\n',
    );
    const first = attach('streams');
    await answers(first, 'one');
    const second = attach('--mode=stdin,stdout', 'streams');
    await answers(second, 'two');
    const sent = await pods.context.gantry(['attach', '--mode=stdin', 'streams'], {
      input: 'three\nend\n',
    });
    const results = await Promise.all([first.ended, second.ended]);

    expect(sent).toMatchObject({ exitCode: 0, stdout: Buffer.alloc(0) });
    expect(first.said()).toBe('got one\ngot two\ngot three\ngot end\n\0\xff');
    expect(second.said()).toBe('got two\ngot three\ngot end\n\0\xff');
    expect(results.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual([
      [5, 'e\n'],
      [5, ''],
    ]);
  });

  it.runIf(requires('strace'))('waits for a pod that is just starting', async () => {
    const { dataDir } = pods.context;
    const before = globSync(join(dataDir, 'pods/run/*/ppid')).length;
    // Between the moment that it runs and its first process.
    const slowly = ['-qq', '-o', '/dev/null', '-e', 'inject=execve:delay_enter=500000'];
    const echo = ['--exec=/bin/sh', '--', '-c', 'read x; echo got $x; sleep 1'];
    const flags = ['--insecure-options=image', '--pod-name=early', NAME, ...STREAMS, ...echo];
    const run = nodeExec.run({
      argv: ['strace', ...slowly, ...pods.context.argv('run', ...flags)],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      timeoutMs: 60_000,
    });
    await until('the pod runs', () => globSync(join(dataDir, 'pods/run/*/ppid')).length > before);
    const client = attach('early');
    const entered = await gantry('enter', 'early', '/bin/echo', 'inside');
    client.stdin.write('one\n');

    expect([entered.stdout.toString(), entered.stderr]).toEqual(['inside\n', '']);
    expect(await client.ended).toMatchObject({ exitCode: 0, stderr: '' });
    expect(client.said()).toBe('got one\n');
    expect((await run).exitCode).toBe(0);
  });

  it('holds no app up by a client that takes nothing, which is told what it missed', async () => {
    await start(
      'slow',
      'while read x; do echo got $x; [ $x = go ] && seq 1 700000 | busybox tr "\\n" " " && exit 3; done',
      ['--stdin=stream', '--stdout=stream'],
    );
    const client = attach('slow');
    await answers(client, 'there');
    client.kill('SIGSTOP');
    await pods.context.gantry(['attach', '--mode=stdin', 'slow'], { input: 'go\n' });
    const ended = await gantry('wait', 'slow');
    client.kill('SIGCONT');
    const { exitCode, stderr } = await client.ended;
    const log = (await gantry('logs', 'slow')).stdout.toString();

    expect(ended.stdout.toString()).toMatch(/ 3\n$/);
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/\d{6,} bytes of stdout were not taken in time/);
    expect(client.said()).toMatch(/ 699999 700000 $/);
    expect(log).toContain(' 1000 1001 ');
  });

  describe('on a terminal', () => {
    const shown = async (session: TerminalSession, what: string | RegExp): Promise<void> => {
      await until(
        () => `${String(what)} is shown: ${session.shown()}`,
        () => session.shown().search(what) >= 0,
        30_000,
      );
    };

    it('gives the app its size and keys, until the keys that leave are pressed', async () => {
      await start('tty', 'PS1="prompt> " exec /bin/sh', TTY);
      const argv = pods.context.argv('attach', 'tty');
      const line =
        'before=$(stty -g); PROGRAM; echo left with $?; [ "$(stty -g)" = "$before" ] && echo restored';
      const first = onTerminal(argv, line);
      await shown(first, /prompt> /);
      first.stdin.write('busybox stty size; echo $TERM; sleep 100\n');
      await shown(first, /33 77\r+\nxterm\r+\n/);
      first.stdin.write('\x03');
      const second = onTerminal(argv, 'stty rows 44 cols 88; PROGRAM; echo left with $?');
      await shown(second, /prompt> /);
      second.stdin.write('busybox stty size\n');
      await shown(second, /44 88/);
      await shown(first, /44 88/);
      first.stdin.write('\x10\x11');
      await first.ended;
      second.stdin.write('exit 7\n');
      await second.ended;

      expect(first.shown()).toMatch(/left with 0\r\nrestored\r\n$/);
      expect(second.shown()).toMatch(/left with 7\r\n$/);
    });

    it('follows the size of the window, and other keys', async () => {
      await start('size', 'PS1="prompt> " exec /bin/sh', TTY);
      const argv = pods.context.argv('attach', '--detach-keys=ctrl-a,x', '--mode=tty', 'size');
      const larger = join(pods.context.workDir, 'larger');
      const session = onTerminal(
        argv,
        `{ while ! test -e ${larger}; do sleep 0.1; done; stty rows 50 cols 99 </dev/tty; } & PROGRAM; echo left with $?`,
      );
      await shown(session, /prompt> /);
      writeFileSync(larger, '');
      for (let tries = 0; !session.shown().includes('50 99') && tries < 100; tries += 1) {
        session.stdin.write('busybox stty size\n');
        await sleep(200);
      }
      session.stdin.write('\x10\x11\x01');
      session.stdin.write('x');
      await session.ended;

      expect(session.shown()).toContain('50 99');
      expect(session.shown()).toMatch(/left with 0\r\n$/);
    });
  });

  it('refuses what it cannot do, and ends with a pod that is killed', async () => {
    const ready = ['--exec=/bin/sh', '--', '-c', 'echo ready; sleep 3000'];
    await pods.start(['--pod-name=log', NAME, ...ready]);
    await pods.start(['--stage1-name=fly', '--pod-name=fly', NAME, ...ready]);
    const refusals = await Promise.all([
      gantry('attach', 'log'),
      gantry('attach', '--mode=stdout', 'size'),
      gantry('attach', '--app=other', 'size'),
      gantry('attach', 'fly'),
      gantry('attach', 'streams'),
    ]);
    const client = attach('size');
    // What was typed before may still be there.
    client.stdin.write('\necho $((40 + 2))\n');
    await until('the client has its answer', () => client.said().includes('\n42\r'), 30_000);
    await gantry('stop', '--force', 'size');

    expect(refusals.map(({ exitCode }) => exitCode)).toEqual([254, 254, 254, 254, 254]);
    expect(refusals.map(({ stderr }) => stderr.split('\n')[0])).toEqual([
      expect.stringContaining('none of its streams can be attached to'),
      expect.stringContaining('cannot attach to stdout of app "attach"'),
      expect.stringContaining('it has no app "other"'),
      expect.stringContaining('its stage1, gantry.sh/stage1-fly, has nothing to attach to'),
      expect.stringMatching(/cannot attach to pod .*: it is exited, not running/),
    ]);
    expect((await client.ended).exitCode).toBe(137);
  });
});
