import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult, RunningProgram } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';
import {
  commandLine,
  createNspawnPods,
  type NspawnPods,
  processesOf,
  type StartedPod,
  until,
} from '../helpers/nspawn-pods.ts';
import { onTerminal, type TerminalSession } from '../helpers/on-terminal.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/enter';
const CONFINED = 'example.com/enter/confined';
/** What of a process tells how it is confined. */
const CONFINEMENT =
  'grep -E "^(Cap|Seccomp|NoNewPrivs|Uid|Gid|Groups|SigIgn)" /proc/self/status; ulimit -n; pwd; ls /dev; cat /proc/self/mountinfo | wc -l; env | sort';

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('gantry enter (nspawn)', () => {
  let pods: NspawnPods;
  let pod: StartedPod;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({
      name: NAME,
      prepare(root) {
        writeFileSync(join(root, 'bin/uninterpreted'), '#!/no/such\n', { mode: 0o755 });
        writeFileSync(join(root, 'bin/foreign'), 'neither script nor program', { mode: 0o755 });
        mkdirSync(join(root, 'closed'));
        writeFileSync(join(root, 'closed/program'), '#!/bin/sh\n', { mode: 0o755 });
        chmodSync(join(root, 'closed'), 0o700);
      },
    });
    await pods.add({
      name: CONFINED,
      app: {
        user: '1000',
        group: '100',
        supplementaryGIDs: [200],
        workingDirectory: '/tmp',
        environment: [
          { name: 'COLOUR', value: 'blue' },
          { name: 'discovery.type', value: 'single-node' },
        ],
        isolators: [
          { name: 'os/linux/capabilities-retain-set', value: { set: ['CAP_NET_ADMIN'] } },
          { name: 'os/linux/seccomp-remove-set', value: { set: ['mkdir'], errno: 'ENOSYS' } },
        ],
      },
    });
    pod = await pods.start([
      CONFINED,
      '--name=app',
      '--exec=/bin/sh',
      '--',
      '-c',
      `{ ${CONFINEMENT}; } >/tmp/mine; echo ready; sleep 3000`,
      '---',
      NAME,
      '--name=root',
      '--exec=/bin/sleep',
      '--',
      '3000',
    ]);
  });
  afterAll(async () => {
    await pods.context.gantry(['stop', '--force', pod.uuid]);
    await pod.program.ended;
    await pods[Symbol.asyncDispose]();
  });

  const enter = async (
    args: readonly string[],
    options: { readonly input?: string | Buffer; readonly app?: string } = {},
  ): Promise<ExecResult> => {
    const { app = 'app', ...rest } = options;
    return await pods.context.gantry(['enter', `--app=${app}`, ...args], rest);
  };
  const sh = async (script: string, ...flags: readonly string[]): Promise<string> => {
    const { stdout } = await enter([...flags, pod.uuid, '/bin/sh', '-c', script]);
    return stdout.toString();
  };
  /** What the pod keeps of commands that have entered it. */
  const left = (): readonly string[] =>
    readdirSync(`/proc/${String(firstChild(pod.program.pid))}/root/rkt/enter`);

  it('confines a command exactly as the app', async () => {
    const { stdout, stderr } = await enter([
      pod.uuid,
      '/bin/sh',
      '-c',
      `{ ${CONFINEMENT}; } >/tmp/theirs; cat /tmp/mine; echo ==; cat /tmp/theirs`,
    ]);
    const [mine, theirs] = stdout.toString().split('==\n');

    expect(mine).toContain('COLOUR=blue');
    expect(mine).toMatch(/Seccomp:\s+2/);
    expect(theirs).toBe(mine);
    expect(stderr).toBe('');
    expect((await enter([pod.uuid, '/bin/env'])).stdout.toString()).toContain(
      'discovery.type=single-node\n',
    );
    expect(await sh('mkdir /tmp/new 2>&1')).toContain('Function not implemented');
  });

  it('takes another user, group, directory and further variables', async () => {
    const text = await sh(
      'id -u; id -g; id -G; pwd; echo $COLOUR $MORE $HOME $USER',
      '--user=0',
      '--working-dir=/etc',
      '--env=COLOUR=red',
      '--env=MORE=a b',
    );

    expect(text).toBe('0\n0\n0\n/etc\nred a b /root root\n');
    expect(await sh('id -u; id -g', '--user=user')).toBe('1000\n100\n');
    expect(await sh('id -u; id -g', '--user=4711', '--group=extra')).toBe('4711\n200\n');
  });

  it('carries streams byte for byte, and the exit status', async () => {
    const input = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7) % 256));
    const { stdout, stderr, exitCode } = await enter(
      [pod.uuid, '/bin/sh', '-c', 'cat; echo err >&2; exit 9'],
      { input },
    );

    expect(stdout.equals(input)).toBe(true);
    expect(stderr).toBe('err\n');
    expect(exitCode).toBe(9);
  });

  it.each([
    [['--working-dir=/closed'], '/bin/true', 'cannot run app "root" in "/closed": permission'],
    [[], '/closed/program', 'cannot execute "/closed/program": permission denied by the folder'],
  ])('says with %j of %s what is closed to its user', async (flags, program, message) => {
    const { exitCode, stderr } = await enter([...flags, '--user=user', pod.uuid, program], {
      app: 'root',
    });

    expect(stderr).toContain(message);
    expect(exitCode).toBe(126);
  });

  it.each<[command: readonly string[], status: number, message?: string]>([
    [['/bin/sh', '-c', 'kill -KILL $$'], 137],
    [['/bin/no-such-program'], 127],
    [['/etc/passwd'], 126],
    [['uninterpreted'], 127, 'the interpreter "/no/such" is not in the image'],
    [['foreign'], 126, 'cannot execute "/bin/foreign": not a program for this machine'],
  ])('ends as %j does', async (command, expected, message = '') => {
    const { exitCode, stderr } = await enter([pod.uuid, ...command], { app: 'root' });

    expect(exitCode).toBe(expected);
    expect(stderr).toContain(message);
  });

  /** Starts a script in the app, and waits until it says `up`. */
  async function startEntered(
    script: string,
  ): Promise<{ readonly program: RunningProgram; readonly text: () => string }> {
    const program = pods.context.start(['enter', '--app=app', pod.uuid, '/bin/sh', '-c', script]);
    let text = '';
    program.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await until('the command runs', () => text.includes('up'));

    return { program, text: () => text };
  }

  it('passes signals on', async () => {
    const { program, text } = await startEntered(
      'trap "echo got it; exit 3" TERM; echo up; while :; do sleep 0.1; done',
    );
    program.kill('SIGTERM');

    expect((await program.ended).exitCode).toBe(3);
    expect(text()).toBe('up\ngot it\n');
  });

  it('ends the input of a command whose caller was killed', async () => {
    const { program } = await startEntered('echo up; cat; echo over >/tmp/over');
    program.kill('SIGKILL');
    await program.ended;

    let over = '';
    while (!over.includes('over')) over = await sh('cat /tmp/over 2>&1');
  });

  it('leaves nothing in the pod', async () => {
    await enter([pod.uuid, '/bin/true']);
    const units = readdirSync(
      `/proc/${String(firstChild(pod.program.pid))}/root/usr/lib/systemd/system`,
    );

    // Of the caller that was killed the folder is left until the pod is removed.
    expect(left().length).toBeLessThan(2);
    expect(units.filter((name) => name.startsWith('enter_'))).toEqual([]);
  });

  it.each([
    [['--user=nobody-knows'], 'cannot run as user "nobody-knows": no such user'],
    [['--group=nobody-knows'], 'cannot run as group "nobody-knows"'],
    [['--working-dir=/nowhere'], 'in "/nowhere": no such directory'],
  ])('refuses %j', async (flags, message) => {
    const { exitCode, stderr } = await enter([...flags, pod.uuid, '/bin/true']);

    expect(exitCode).toBe(254);
    expect(stderr).toContain(message);
  });

  describe('on a terminal', () => {
    /** `PROGRAM` in the line is a shell in the app. */
    const shellOnTerminal = (line?: string): TerminalSession =>
      onTerminal(pods.context.argv('enter', '--app=app', pod.uuid, '/bin/sh'), line);
    const showsPrompt = async ({ shown }: TerminalSession): Promise<void> => {
      await until(
        () => `there is a prompt: ${shown()}`,
        () => shown().includes('$ '),
        30_000,
      );
    };

    /** Whether a command with that word runs; what was typed before is seen sooner. */
    const runs = (word: string): boolean =>
      processesOf(pod.uuid).some((pid) => commandLine(pid).includes(word));

    it('gives the command one of its own, with size, kind and signals', async () => {
      const session = shellOnTerminal('PROGRAM; echo left with $?');
      await showsPrompt(session);
      session.stdin.write('busybox stty size; echo $TERM; tty; id -u; sleep 4712\n');
      await until('it sleeps, at the terminal', () => runs('4712'), 30_000);
      session.stdin.write('\x03');
      session.stdin.write('echo again; exit 6\n');
      await session.ended;

      const text = session.shown();
      expect(text).toMatch(/33 77\r\nxterm-256color\r\n\/dev\/pts\/\d+\r\n1000\r\n/);
      expect(text).toMatch(/again\r\n/);
      expect(text).toContain('left with 6');
    });

    it('follows the size of the window, and gives the terminal back as it was', async () => {
      const larger = join(pods.context.workDir, 'larger');
      const session = shellOnTerminal(
        `before=$(stty -g); { while ! test -e ${larger}; do sleep 0.1; done; stty rows 44 cols 88 </dev/tty; } & PROGRAM; [ "$(stty -g)" = "$before" ] && echo restored`,
      );
      await showsPrompt(session);
      writeFileSync(larger, '');
      for (let tries = 0; !session.shown().includes('44 88') && tries < 100; tries += 1) {
        session.stdin.write('busybox stty size\n');
        await sleep(200);
      }
      session.stdin.write('exit\n');
      await session.ended;

      expect(session.shown()).toContain('44 88');
      expect(session.shown()).toContain('restored');
    });

    it('hangs the command up when the caller is killed', async () => {
      const session = shellOnTerminal();
      await showsPrompt(session);
      session.stdin.write('sleep 4711\n');
      await until('the command runs', () => runs('4711'), 30_000);
      session.kill('SIGKILL');
      await session.ended;

      await until('the command is gone', () => !runs('4711'), 30_000);
    });
  });

  it('ends with the pod, and refuses one that is ending', async () => {
    const other = await pods.start([
      NAME,
      '--exec=/bin/sh',
      '--',
      '-c',
      'trap "while ! test -e /go; do sleep 0.1; done; exit 0" TERM; echo ready; sleep 300 & wait',
    ]);
    const inside = pods.context.gantry(['enter', other.uuid, '/bin/sh', '-c', 'touch /in; cat'], {
      stdin: 'inherit',
    });
    const look = ['enter', other.uuid, '/bin/stat', '/in'];
    while ((await pods.context.gantry(look)).exitCode !== 0) {}
    const root = `/proc/${String(firstChild(other.program.pid))}/root`;
    other.program.kill('SIGTERM');
    await until('it is stopping', () => readdirSync(`${root}/run`).includes('gantry-stopping'));
    const refused = await pods.context.gantry(['enter', other.uuid, '/bin/true']);
    writeFileSync(`${root}/opt/stage2/enter/rootfs/go`, '');
    await other.program.ended;

    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toContain('it is ending');
    expect([137, 143]).toContain((await inside).exitCode);
  });
});

/** The pod's PID 1: the child of nspawn. */
function firstChild(pid: number): number {
  const { stdout } = nodeExec.runSync({
    argv: ['cat', `/proc/${pid}/task/${pid}/children`],
    env: { PATH: '/usr/bin:/bin' },
  });

  return Number(stdout.toString().trim().split(' ')[0]);
}
