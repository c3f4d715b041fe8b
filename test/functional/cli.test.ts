import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { constants } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';

let machine: PodContext;
beforeAll(() => {
  machine = createPodContext();
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
});

const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
  await machine.gantry(args);
const stdout = (result: ExecResult): string => result.stdout.toString();

describe('gantry version', () => {
  it('prints versions and nothing else', async () => {
    const result = await gantry('version');

    expect(stdout(result)).toMatch(
      /^gantry Version: \d+\.\d+\.\d+\nappc Version: 0\.8\.11\nNode Version: v\d+\.\S+\nOS\/Arch: linux\/\S+\n$/,
    );
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('starts from any directory, through a link, without Node on PATH, below any Node', async () => {
    const [program] = machine.argv();
    const link = `${machine.workDir}/link`;
    await nodeExec.run({ argv: ['ln', '-s', program, link], env: { PATH: '/usr/bin:/bin' } });
    const env = { NODE_CHANNEL_FD: '9' };
    const result = await nodeExec.run({ argv: [link, 'version'], env, cwd: '/proc' });

    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('opens no debugger for a signal', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const program = machine.start(['fetch', `https://127.0.0.1:${port}/a.aci`]);
    await once(server, 'connection');
    const caught = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'));
    program.kill('SIGKILL');
    await program.ended;
    server.close();

    expect(BigInt(`0x${caught?.[1]}`) & (1n << BigInt(constants.signals.SIGUSR1 - 1))).toBe(0n);
  });

  it('survives a reader that has gone away', async () => {
    const result = await nodeExec.run({
      argv: ['sh', '-c', '"$@" | true', 'sh', ...machine.argv('help', 'run')],
      env: { PATH: '/usr/bin:/bin' },
    });

    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('says so when what it prints cannot be written', async () => {
    const full = openSync('/dev/full', 'w');
    const result = await machine.gantry(['version'], { stdout: full });
    closeSync(full);

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toMatch(/gantry version: cannot write to standard output\n {2}└─ ENOSPC/);
  });
});

describe('gantry', () => {
  it('shows help and ends with 2 without a command', async () => {
    const result = await gantry();

    expect(result.exitCode).toBe(2);
    expect(stdout(result)).toMatch(/^NAME:\n[^]*\nUSAGE:\n[^]*\nVERSION:\n[^]*\nCOMMANDS:\n/);
  });

  it.each([
    [['--help'], /COMMANDS:/],
    [['help'], /GLOBAL OPTIONS:/],
    [['help', 'run'], /NAME:\n {2}gantry run - /],
    [['run', '--help'], /--stage1-path=FILE +a stage1 from a file$/m],
    [['--help', 'image', 'list'], /NAME:\n {2}gantry image list - /],
    [['help', 'image'], /COMMANDS:\n[^]*cat-manifest/],
    [['im', 'li', '-h'], /gantry image list/],
  ])('%j shows help', async (args, text) => {
    const result = await gantry(...args);

    expect(stdout(result)).toMatch(text);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('shows the help of every command that it lists', async () => {
    const names = [
      ...stdout(await gantry('help')).matchAll(/^ {2}([a-z][a-z -]*[a-z]) {2,}[A-Z]/gm),
    ];
    expect(names.length).toBeGreaterThan(20);

    for (const [, name = ''] of names) {
      const result = await gantry('help', ...name.split(' '));
      expect(stdout(result)).toContain(`gantry ${name} - `);
    }
  });

  it.each([
    ['ver', /gantry Version/],
    ['vers', /gantry Version/],
  ])('takes "%s" for version', async (word, text) => {
    expect(stdout(await gantry(word))).toMatch(text);
  });

  it('takes global flags before and after the command', async () => {
    const before = await gantry('--user-config=/', 'config');
    const after = await gantry('config', '--user-config', '/');

    expect(stdout(before)).toBe(stdout(after));
    expect(before.exitCode).toBe(0);
  });

  it.each([
    [
      ['run', 'example.com/a', 'example.com/b', '-c', 'x'],
      /unknown flag -c\nhint: .*arguments of an app follow "--"/,
    ],
    [
      ['run', 'example.com/a', '--exce=/x'],
      /unknown flag --exce\nhint: did you mean --exec\? arguments of an app follow "--"/,
    ],
    [['verzion'], /unknown command "verzion"\nhint: did you mean version\?/],
    [['st'], /cannot tell which command "st" means: status, stop/],
    [['image'], /"image" needs a command/],
    [['image', 'lst'], /unknown command "image lst"\nhint: did you mean image list\?/],
    [['--volume=x', 'run'], /unknown flag --volume/],
    [['version', '--ful'], /gantry version: unknown flag --ful/],
    [['version', 'x'], /too many arguments, the first is "x"/],
    [['--dir=', 'list'], /--dir needs a directory/],
    [
      ['--insecure-options=iamge', 'list'],
      /unknown word "iamge"\nhint: the words are none, image,/,
    ],
    [['run'], /no image is given/],
    [['run', '--exec=/bin/x', 'image'], /--exec must follow an image/],
    [['run', 'a', '--volume=v,kind=what'], /unknown kind "what"/],
    [['stop'], /no pod is given/],
    [['status', 'a', 'b'], /too many arguments/],
    [['gc', '--grace-period=soon'], /cannot read duration "soon"/],
    [['list', '--format=xml'], /unknown format "xml"/],
    [['image', 'list', '--fields=id,colour'], /unknown field "colour"/],
    [['image', 'list', '--sort=id'], /unknown field "id"/],
    [['trust'], /either --prefix=NAME or --root is needed/],
    [['trust', '--root'], /--root needs a key/],
    [['help', 'nothing'], /unknown command "nothing"/],
  ])('refuses %j with 254', async (args, message) => {
    const result = await gantry(...args);

    expect(result.stderr).toMatch(message);
    expect(result).toMatchObject({ exitCode: 254, stdout: Buffer.alloc(0) });
  });

  it('shows causes as a tree, and all of them with stacks for --debug', async () => {
    const plain = await gantry('status', '--uuid-file=/nowhere');
    const debug = await gantry('--debug', 'status', '--uuid-file=/nowhere');

    expect(plain.stderr).toMatch(
      /^gantry status: cannot read UUID file "\/nowhere": no such file or directory\n {2}└─ ENOENT[^\n]*\n$/,
    );
    expect(debug.stderr).toContain('[UUID_FILE_UNREADABLE]');
    expect(debug.stderr).toMatch(/\n {4}at /);
  });

  it('refuses what needs root to others', async () => {
    const [program, ...flags] = machine.argv();
    for (const command of ['run', 'prepare', 'gc', 'rm', 'run-prepared', 'enter']) {
      const result = await nodeExec.run({
        argv: ['setpriv', '--reuid=65534', '--clear-groups', program, ...flags, command, 'x'],
        env: { PATH: '/usr/bin:/bin' },
      });

      expect(result.exitCode).toBe(254);
      expect(result.stderr).toContain(`cannot ${command}: it needs the rights of root`);
    }
  });
});
