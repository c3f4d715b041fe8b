import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { inShell } from '../helpers/in-shell.ts';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/stdio';
const sh = inShell(NAME);

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('modes of streams', () => {
  let pods: NspawnPods;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  /** Runs a pod, and asks what its log has. */
  const runAndLog = async (
    args: readonly string[],
  ): Promise<ExecResult & { readonly log: string; readonly uuid: string }> => {
    const file = join(pods.context.workDir, 'uuid');
    const result = await pods.run([`--uuid-file-save=${file}`, ...args]);
    const { stdout } = await pods.context.gantry(['logs', `--uuid-file=${file}`]);

    return { ...result, log: stdout.toString(), uuid: readFileSync(file, 'utf8').trim() };
  };
  const partsOf = (uuid: string, stream: string): readonly string[] =>
    globSync(
      join(pods.context.dataDir, 'pods/run', uuid, `overlay/*/upper/rkt/taps/*/${stream}/0*`),
    ).toSorted();

  it('null, in a pod manifest: what goes there is nowhere', async () => {
    const images = await pods.context.gantry([
      'image',
      'list',
      '--fields=id',
      '--no-legend',
      '--full',
    ]);
    const app = {
      name: 'a',
      image: { id: images.stdout.toString().trim().split('\n')[0] },
      app: { exec: ['/bin/sh', '-c', 'echo said; echo aloud >&2'], user: '0', group: '0' },
      annotations: [{ name: 'coreos.com/rkt/stage2/stdout', value: 'null' }],
    };
    const manifest = join(pods.context.workDir, 'pod');
    writeFileSync(
      manifest,
      JSON.stringify({ acKind: 'PodManifest', acVersion: '0.8.11', apps: [app] }),
    );
    const { stdout, stderr, log } = await runAndLog([`--pod-manifest=${manifest}`]);

    expect(stdout.toString()).toBe('');
    expect(stderr).toContain('aloud\n');
    expect(log).not.toContain('said');
  });

  it('stream: goes where log goes, and the last of it to a tap, byte for byte', async () => {
    const { stdout, log, uuid, exitCode } = await runAndLog(
      sh(
        'printf "a\\000b\\n"; seq 1 400000 | busybox tr "\\n" " "; printf end; exit 3',
        '--stdin=stream',
        '--stdout=stream',
      ),
    );
    const parts = partsOf(uuid, 'stdout');
    const tap = Buffer.concat(parts.map((path) => readFileSync(path)));

    expect(exitCode).toBe(3);
    expect(stdout.length).toBe('a\0b\n'.length + 2_688_895 + 'end'.length);
    expect(log.length).toBeGreaterThan(2_600_000);
    expect(tap.length).toBeGreaterThan(1_800_000);
    expect(parts.length).toBeLessThan(9);
    expect(Number(basename(parts[0] ?? '')) * 262_144).toBe(stdout.length - tap.length);
    expect(stdout.subarray(-tap.length).equals(tap)).toBe(true);
    expect(partsOf(uuid, 'stderr')).toEqual([]);
  });

  it('tty: a terminal of the app’s own, of which nothing is lost', async () => {
    const all = ['--stdin=tty', '--stdout=tty', '--stderr=tty'];
    const { stdout, uuid } = await runAndLog(
      sh(
        'tty; busybox stty size; echo $TERM; test -t 0 && test -t 2 && seq 1 20000; echo end',
        ...all,
      ),
    );
    const lines = stdout.toString().split('\r\n');

    expect(lines.slice(0, 3)).toEqual([
      expect.stringMatching(/^\/dev\/pts\/\d+$/),
      '24 80',
      'xterm',
    ]);
    expect(lines.slice(-3)).toEqual(['20000', 'end', '']);
    expect(lines.length).toBe(3 + 20_000 + 2);
    expect(Buffer.concat(partsOf(uuid, 'stdout').map((path) => readFileSync(path)))).toEqual(
      stdout,
    );
  });

  it('tty: the same one when the app is started again, another user included', async () => {
    const { stdout, exitCode } = await runAndLog(
      sh(
        'echo $(tty) $(id -u); test -e /tmp/2 && exit 7; test -e /tmp/1 && touch /tmp/2; touch /tmp/1; exit 1',
        '--stdin=tty',
        '--stdout=tty',
        '--user=1000',
        '--restart=on-failure:2',
      ),
    );
    const [first, second, third, ...rest] = stdout.toString().split('\r\n');

    expect(first).toMatch(/^\/dev\/pts\/\d+ 1000$/);
    expect([second, third, rest]).toEqual([first, first, ['']]);
    expect(exitCode).toBe(7);
  });

  it.each([
    [['--stage1-name=fly', NAME, '--stdout=stream'], 'cannot lead the streams of app "stdio"'],
    [['--interactive', NAME, '--stdout=stream'], 'the streams of the caller'],
  ])('refuses %j', async (args, message) => {
    const { exitCode, stderr } = await pods.run(args);

    expect(exitCode).toBe(254);
    expect(stderr).toContain(message);
  });
});
