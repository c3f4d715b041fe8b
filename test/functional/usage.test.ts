import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

let machine: PodContext;
beforeAll(() => {
  machine = createPodContext();
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
});

const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
  await machine.gantry(args);

/** Every command that the program lists, by its words. */
async function listedCommands(): Promise<readonly string[]> {
  const text = (await gantry('help')).stdout.toString();
  const names = [...text.matchAll(/^ {2}([a-z][a-z -]*[a-z]) {2,}[A-Z]/gm)];
  expect(names.length).toBeGreaterThan(20);

  return names.map(([, name = '']) => name);
}

describe('gantry help', () => {
  it.each([
    ['image', '--help'],
    ['--help', 'image'],
    ['help', 'image'],
    ['im', '-h'],
  ])('%s %s lists the commands of the group', async (...args) => {
    const { stdout, exitCode } = await gantry(...args);

    expect(exitCode).toBe(0);
    expect(stdout.toString()).toMatch(/^NAME:\n {2}gantry image - [^]*COMMANDS:[^]* cat-manifest /);
    expect(stdout.toString()).not.toContain('run-prepared');
  });
});

// Some commands ask who is calling before they look at anything else.
describe.runIf(requires('root'))('every command', () => {
  it('refuses flags that are none, lack their value or have a wrong one', async () => {
    for (const name of await listedCommands()) {
      const command = name.split(' ');
      const [unknown, missing, wrong, empty] = await Promise.all([
        gantry(...command, '--no-such-flag'),
        gantry(...command, '--system-config'),
        gantry(...command, '--trust-keys-from-https=perhaps'),
        gantry(...command, '--local-config='),
      ]);

      const hint = `\nhint: "gantry help ${name}" tells more\n`;
      expect(unknown.stderr).toBe(`gantry ${name}: unknown flag --no-such-flag${hint}`);
      expect(missing.stderr).toBe(`gantry ${name}: flag --system-config needs a value${hint}`);
      expect(wrong.stderr).toMatch(/cannot read "perhaps" as the value of --trust-keys-from-https/);
      expect(empty.stderr).toContain('flag --local-config needs a directory: it is empty');
      for (const result of [unknown, missing, wrong, empty]) {
        expect(result).toMatchObject({ exitCode: 254, stdout: Buffer.alloc(0) });
      }
    }
  });
});

describe.runIf(requires('root'))('gantry refuses with 254', () => {
  const nothing = '00000000-0000-0000-0000-000000000000';
  it.each([
    [['run', '--', 'x'], /arguments after "--" must follow an image/],
    [['run', 'a', '--', 'b', '---', '--', 'c'], /arguments of image "a" are given twice/],
    [['run', 'a', '--exec'], /flag --exec needs a value/],
    [['run', '-i', 'a'], /unknown flag -i/],
    [['run', '--interactive=yes', 'a'], /cannot read "yes" as the value of --interactive/],
    [['run', '--quiet', 'a'], /unknown flag --quiet/],
    [['run', '--pod-manifest=/no/such'], /pod manifest "\/no\/such": no such file/],
    [['run', '--pod-manifest=/'], /cannot read pod manifest "\/": it is a directory/],
    [['run', '--pod-manifest=/dev/null'], /cannot read pod manifest "\/dev\/null": not JSON/],
    [['prepare', '--net=host', 'a'], /unknown flag --net/],
    [['run-prepared', 'a', 'b'], /too many arguments, the first is "b"/],
    [['fetch'], /no image is given/],
    [['fetch', ''], /no image is given/],
    [['fetch', '--signature=x', 'a'], /flag --signature must follow an image/],
    [['fetch', 'a', '--signature=x', '--signature=y'], /--signature is given twice for image "a"/],
    [['image'], /"image" needs a command/],
    [['image', 'rn'], /unknown command "image rn"/],
    [['image', 'r', 'x'], /cannot tell which command "image r" means: image render, image rm/],
    [['image', 'list', 'x'], /too many arguments, the first is "x"/],
    [
      ['image', 'export', 'x'],
      /too few arguments\nhint: usage: \[--format=…\] \[--overwrite\] IMAGE FILE/,
    ],
    [['enter', 'abcd', '/bin/true'], /cannot find pod "abcd"/],
    [
      ['rm', nothing],
      /cannot find pod "0{8}-0{4}-0{4}-0{4}-0{12}": no such pod\nhint: see "gantry list"/,
    ],
    [['stop', '../../etc'], /cannot find pod "\.\.\/\.\.\/etc"/],
    [['cat-manifest', '1'], /cannot find pod/],
    [['status', '--wait=soon', 'a'], /cannot read duration "soon"\nhint: write it as in 30m/],
    [['status', nothing, '--uuid-file=/x'], /uuid-file/],
    [['gc', '--grace-period=-5m'], /--grace-period: "-5m" is less than nothing/],
    [['gc', '--expire-prepared=1'], /cannot read duration "1"/],
    [['--system-config=', 'list'], /--system-config needs a directory/],
    [['--dir=/dev/null', 'image', 'list'], /"\/dev\/null": there is something else/],
    [['--dir=/proc/none', 'image', 'list'], /cannot make directory "\/proc\/none"/],
    [['api-service'], /command "api-service" is not supported by this version/],
    [['attach', '--mode=some', 'x'], /cannot read --mode: unknown "some"/],
    [['attach', '--mode=tty,stdin', 'x'], /a terminal and streams exclude each other/],
    [['attach', '--mode=list,stdin', 'x'], /"list" stands alone/],
    [['attach', '--detach-keys=ctrl-1', 'x'], /cannot read keys "ctrl-1"/],
  ])('%j', async (args, message) => {
    const result = await gantry(...args);

    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toContain('bug in gantry');
    expect(result).toMatchObject({ exitCode: 254, stdout: Buffer.alloc(0) });
  });
});

describe('gantry', () => {
  it('refuses an argument that it cannot hand on as it is', async () => {
    const argv = [
      'sh',
      '-c',
      '"$@" "$(printf "a\\377b")"',
      'sh',
      ...machine.argv('fetch', 'x'),
    ] as const;
    const result = await nodeExec.run({ argv, env: { PATH: '/usr/bin:/bin' } });

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toMatch(/^gantry: cannot use argument 6, "a.b": not UTF-8\nhint: /);
    expect((await gantry('fetch', 'a\uFFFDb')).stderr).not.toContain('UTF-8');
  });

  it('says where it cannot keep anything', async () => {
    const result = await gantry('--dir=/proc/self', 'fetch', '/no/such.aci');

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toMatch(
      /^gantry fetch: cannot make directory ".*\/cas"[^]*\nhint: .*--dir/,
    );
  });

  it('ends with 2 when there is nothing but "--"', async () => {
    expect((await gantry('--')).exitCode).toBe(2);
  });
});
