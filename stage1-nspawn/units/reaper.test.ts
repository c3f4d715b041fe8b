import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { type AppExit, parseAppExit } from '#stage1';
import { type ReaperPlaces, reaperScript } from './reaper.ts';

let dir: string;
let places: ReaperPlaces;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'reaper-'));
  places = {
    status: join(dir, 'status'),
    exits: join(dir, 'exits'),
    started: join(dir, 'started'),
    up: join(dir, 'up'),
    units: join(dir, 'units'),
    execStatus: join(dir, 'exec-status'),
    handled: join(dir, 'handled'),
    handlerObstacles: join(dir, 'handler-obstacles'),
    restart: join(dir, 'restart'),
    oom: join(dir, 'oom'),
    oomSeen: join(dir, 'oom-seen'),
    stopping: join(dir, 'stopping'),
    policy: join(dir, 'policy'),
    ended: join(dir, 'ended'),
    first: join(dir, 'failed'),
    halt: 'exit 99',
    unready: `touch ${join(dir, 'unready')}`,
    outlets: [join(dir, 'fifo'), join(dir, 'outlet')],
  };
  const folders = [
    'status',
    'exits',
    'started',
    'up',
    'units',
    'execStatus',
    'handled',
    'handlerObstacles',
    'restart',
  ];
  for (const name of folders as readonly Exclude<keyof ReaperPlaces, 'outlets'>[])
    mkdirSync(places[name]);
  writeFileSync(join(dir, 'outlet'), '');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

interface Ending {
  readonly how?: string;
  /** Whether PID 1 had marked that it was started. */
  readonly marked?: boolean;
}

/** Runs the reaper for an app as systemd would. @returns what was noted, and what PID 1 is told */
function reap(
  [code, status, result = 'exit-code']: readonly [string?, string?, string?],
  app = 'web',
  { how = 'failed', marked = true }: Ending = {},
): { noted: number; told: number | undefined } {
  const monitor = {
    ...(code === undefined ? {} : { MONITOR_EXIT_CODE: code }),
    ...(status === undefined ? {} : { MONITOR_EXIT_STATUS: status }),
    MONITOR_SERVICE_RESULT: result,
  };
  if (marked) writeFileSync(join(places.started, app), '');
  const { exitCode } = nodeExec.runSync({
    argv: ['busybox', 'sh', '-c', reaperScript(places), 'reap', app, how],
    env: { PATH: `${dir}:/usr/bin:/bin`, ...monitor },
  });

  return { noted: Number(readFileSync(join(places.status, app), 'utf8')), told: exitCode };
}

interface App extends Ending {
  readonly notifies?: boolean;
  readonly up?: boolean;
  readonly stopping?: boolean;
  readonly again?: boolean;
}

/** What the reaper has said so far. */
const said = (): string => readFileSync(join(dir, 'outlet'), 'utf8');
const exitOf = (app = 'web'): AppExit =>
  parseAppExit(readFileSync(join(places.exits, app), 'utf8'));

describe('reaperScript()', () => {
  it.each([
    [['exited', '0', 'success'], 0],
    [['exited', '7'], 7],
    [['killed', 'KILL', 'signal'], 137],
    [['killed', 'TERM', 'success'], 143],
    [['dumped', 'SEGV', 'core-dump'], 139],
    [['killed', 'RTMIN+7', 'signal'], 169],
    [['killed', 'SYS', 'signal'], 159],
    [['exited', '203'], 203],
  ] as const)('notes and tells %j as %i', (ending, expected) => {
    expect(reap(ending)).toEqual({ noted: expected, told: expected });
  });

  it('gives a program that was not there its own status', () => {
    writeFileSync(join(places.execStatus, 'web'), '127\n');

    expect(reap(['exited', '203'])).toEqual({ noted: 127, told: 127 });
    expect(reap(['exited', '203'], 'other').noted).toBe(203);
    expect(said()).toBe('');
  });

  it('gives a program that was foreseen not to be executed that status, and says why when that is left to it', () => {
    writeFileSync(join(places.execStatus, 'web'), '126\ncannot run app "web" in "/x"\n');

    expect(reap(['exited', '200'], 'web', { marked: false }).noted).toBe(126);
    expect(said()).toBe('gantry: cannot run app "web" in "/x"\n');
  });

  it.each([
    ['226', 'NAMESPACE'],
    ['203', 'EXEC'],
    ['228', 'SECCOMP'],
  ])('says of one that was not started with %s what systemd failed at', (status, step) => {
    expect(reap(['exited', status], 'web', { marked: false })).toEqual({ noted: 126, told: 126 });
    expect(said()).toBe(`gantry: cannot run app "web": its systemd failed at step ${step}\n`);
  });

  it('waits for nobody to read what it says', () => {
    nodeExec.runSync({ argv: ['mkfifo', join(dir, 'fifo')], env: { PATH: '/usr/bin:/bin' } });

    expect(reap(['exited', '226'], 'web', { marked: false }).told).toBe(126);
  });

  it('takes a status like that of systemd for the program’s own where that was executed', () => {
    writeFileSync(join(dir, 'systemctl'), '#!/bin/sh\nprintf "1\\n2\\n"\n', { mode: 0o755 });

    expect(reap(['exited', '210'], 'brief', { marked: false }).noted).toBe(210);
    expect(exitOf('brief').reason).toBe('exited');
  });

  it('fails an app that never ran because its pre-start handler failed', () => {
    expect(reap([])).toEqual({ noted: 1, told: 1 });
  });

  /** Stands in for `systemctl show` of an app with a handler, whose script has two lines. */
  const handlerEnds = (property: string, code: string, status: string): void => {
    const handler = `{ path=/bin/sh ; argv[]=/bin/sh -c true *\nfalse ; ignore_errors=no ; pid=7 ; code=${code} ; status=${status} }`;
    const text = `ExecMainExitTimestamp=Tue 2026-12-01 02:00:00.250000 UTC\n${property}=${handler}\n`;
    writeFileSync(join(dir, 'answer'), text);
    writeFileSync(join(dir, 'systemctl'), `#!/bin/sh\ncat ${dir}/answer\n`, { mode: 0o755 });
  };

  it.each([
    ['exited', '4', '"/bin/sh" exited with 4'],
    ['killed', '9/KILL', '"/bin/sh" was ended by SIGKILL'],
  ])('says how a handler failed: %s %s', (code, status, how) => {
    handlerEnds('ExecStartPre', code, status);

    expect(reap([]).noted).toBe(1);
    expect(said()).toBe(`gantry: cannot run the pre-start handler of app "web": ${how}\n`);
    handlerEnds('ExecStopPost', code, status);
    writeFileSync(join(places.handled, 'after'), '');
    expect(reap(['exited', '0'], 'after').noted).toBe(1);
    expect(said()).toContain(`gantry: cannot run the post-stop handler of app "after": ${how}\n`);
    expect(exitOf('after').finishedAt).toBe(Date.UTC(2026, 11, 1, 2) + 250);
  });

  it('says of a handler that was foreseen not to be executed why, unless that has been said', () => {
    mkdirSync(join(places.handlerObstacles, 'post-stop'));
    mkdirSync(join(places.handlerObstacles, 'pre-start'));
    writeFileSync(join(places.handlerObstacles, 'post-stop', 'web'), 'no such file\n');
    writeFileSync(join(places.handlerObstacles, 'pre-start', 'web'), '\n');
    handlerEnds('ExecStartPre', 'exited', '203');
    reap([]);
    expect(said()).toBe('');
    handlerEnds('ExecStopPost', 'exited', '203');
    reap([]);
    expect(said()).toMatch(/post-stop handler of app "web": no such file\n$/);
  });

  it('says nothing of handlers that did what they should, or were stopped with the pod', () => {
    writeFileSync(join(places.handled, 'web'), '');
    handlerEnds('ExecStopPost', 'exited', '0');
    reap(['exited', '3']);
    handlerEnds('ExecStartPre', '(null)', '0/0');
    reap(['exited', '3']);
    writeFileSync(places.stopping, '');
    handlerEnds('ExecStartPre', 'killed', '15/TERM');
    reap([]);

    expect(said()).toBe('');
  });

  it('fails an app that ended well but whose service did not', () => {
    expect(reap(['exited', '0', 'timeout'])).toEqual({ noted: 1, told: 1 });
  });

  it('tells only the first failure', () => {
    expect(reap(['exited', '3'], 'first').told).toBe(3);
    expect(reap(['exited', '4'], 'second')).toEqual({ noted: 4, told: 0 });
  });

  it('tells nothing of apps that are stopped with the pod', () => {
    writeFileSync(places.stopping, '');

    expect(reap(['exited', '5'])).toEqual({ noted: 5, told: 0 });
    expect(existsSync(places.first)).toBe(false);
  });

  it('writes down why, and when', () => {
    const before = Date.now();
    reap(['exited', '7']);
    const exit = exitOf();

    expect(exit).toMatchObject({ reason: 'exited', code: 7 });
    expect(exit.finishedAt).toBeGreaterThan(before - 1);
    expect(exit.finishedAt).toBeLessThan(Date.now() + 1);
    reap(['killed', 'KILL', 'signal']);
    expect(exitOf()).toMatchObject({ reason: 'signalled', code: 137, signal: 'KILL' });
    reap(['killed', 'KILL', 'oom-kill']);
    expect(exitOf()).toMatchObject({ reason: 'oom', code: 137, signal: 'KILL' });
    reap([]);
    expect(exitOf()).toMatchObject({ reason: 'not-started', code: 1 });
  });

  it.each([
    [['exited', '3'], 'exited'],
    [['exited', '0', 'success'], 'exited'],
    [['killed', 'SEGV', 'signal'], 'signalled'],
    [['exited', '203'], 'not-started'],
    [['exited', '226'], 'not-started'],
    [['exited', '244'], 'exited'],
    [[], 'not-started'],
  ] as const)('knows of one without a mark that ended as %j: %s', (ending, reason) => {
    const before = Date.now();
    reap(ending, 'brief', { marked: false });

    expect(exitOf('brief').reason).toBe(reason);
    const mark = statSync(join(places.started, 'brief'), { throwIfNoEntry: false });
    expect(mark?.isFIFO()).toBe(reason === 'not-started' ? undefined : true);
    // touch knows whole seconds.
    if (mark !== undefined) expect(mark.mtimeMs).toBeGreaterThan(before - 1001);
    if (mark !== undefined) expect(mark.mtimeMs).toBeLessThanOrEqual(exitOf('brief').finishedAt);
  });

  it('knows of one that was stopped before it was marked only that it was not', () => {
    writeFileSync(places.stopping, '');
    reap(['killed', 'TERM', 'success'], 'late', { how: 'ended', marked: false });

    expect(exitOf('late').reason).toBe('not-started');
  });

  it.each([
    ['one that was started', { marked: true }, false],
    ['one that was not, or ended before that was marked', { marked: false }, true],
    ['one that has not said that it is ready', { marked: true, notifies: true }, true],
    ['one that has', { marked: true, notifies: true, up: true }, false],
    ['one that is stopped before', { marked: false, stopping: true }, true],
    ['one that is started again', { marked: false, again: true, how: 'ended' }, false],
    ['one that is not any more', { marked: false, again: true }, true],
  ])('knows whether the pod can still become ready at the end of %s', (_which, app, never) => {
    const { notifies = false, up = false, stopping = false, again = false, ...rest } = app as App;
    if (notifies) writeFileSync(join(places.units, 'app_up@web.socket'), '');
    if (up) writeFileSync(join(places.up, 'web'), '');
    if (stopping) writeFileSync(places.stopping, '');
    if (again) writeFileSync(join(places.restart, 'web'), 'on-failure 3\n');
    reap(['exited', '4'], 'web', rest);

    expect(existsSync(join(dir, 'unready'))).toBe(never);
  });

  it('takes a kill for want of memory from the count of the kernel, each once', () => {
    const count = (kills: number): void =>
      writeFileSync(places.oom, `oom_kill_disable 0\nunder_oom 0\noom_kill ${kills}\n`);
    count(0);
    reap(['killed', 'KILL', 'signal'], 'by-hand');
    count(1);
    reap(['killed', 'KILL', 'signal'], 'greedy');
    reap(['killed', 'KILL', 'signal'], 'later');
    count(3);
    reap(['exited', '137'], 'shell');

    expect(['by-hand', 'greedy', 'later', 'shell'].map((app) => exitOf(app).reason)).toEqual([
      'signalled',
      'oom',
      'signalled',
      'oom',
    ]);
  });

  it('ends the pod with the first failure when all apps have ended, by the policy "all"', () => {
    writeFileSync(places.policy, 'all 3\n');

    expect(reap(['exited', '3'], 'one').told).toBe(0);
    expect(reap(['exited', '0', 'success'], 'two').told).toBe(0);
    expect(reap(['exited', '4'], 'three').told).toBe(3);
  });

  it('ends the pod as its first app did, by the policy "first-exit"', () => {
    writeFileSync(places.policy, 'first-exit 3\n');

    expect(reap(['exited', '0', 'success'], 'one').told).toBe(99);
    expect(reap(['exited', '4'], 'two').told).toBe(0);
  });

  it('writes down how an app ended that is started again, and tells nothing', () => {
    writeFileSync(places.policy, 'all 1\n');
    writeFileSync(join(places.restart, 'web'), 'on-failure 3\n');

    expect(reap(['exited', '4'], 'web', { how: 'ended' })).toEqual({ noted: 4, told: 0 });
    expect(existsSync(places.ended)).toBe(false);
    expect(reap(['exited', '4'], 'web')).toEqual({ noted: 4, told: 4 });
  });
});
