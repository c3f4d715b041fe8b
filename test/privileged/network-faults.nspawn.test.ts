import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { type JsonObject, removeNetns } from '#cni';
import { createPluginFolder, type PluginFolder, printJson } from '../doubles/cni-plugin.ts';
import { run } from '../helpers/network-host.ts';
import { createNetworkPods, NAME, type NetworkPods } from '../helpers/network-pods.ts';
import { cgroupsOf, until, waiterOf } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const SLEEP = [NAME, '--exec=/bin/sh', '--', '-c', 'echo ready; exec sleep 300'];
const ptp = (name: string, subnet: string): JsonObject => ({
  cniVersion: '1.0.0',
  name,
  type: 'ptp',
  ipMasq: true,
  ipam: { type: 'host-local', subnet },
});

let net: NetworkPods;
let plugins: PluginFolder;

/** What is said when a pod is not to be had, of which nothing is left. */
async function refusal(flag: string): Promise<string> {
  // Those before have ended, but may not have given everything back yet.
  await until('nothing is left', () => net.traces().length === 0, 30_000);
  const { exitCode, stderr, stdout } = await net.pods.run([flag, ...SLEEP]);
  expect([exitCode, stdout.toString()]).toEqual([254, '']);
  expect(net.traces()).toEqual([]);
  return stderr;
}

describe.runIf(
  requires('root', 'netns', 'mount-namespace', 'cni-plugins', 'nspawn', 'overlay', 'busybox'),
)('networks that fail nspawn pods', () => {
  beforeAll(async () => {
    net = await createNetworkPods();
    plugins = createPluginFolder(join(net.pods.context.localConfig, 'net.d'));
    for (const type of ['good', 'bad']) plugins.install(type);
    net.configure('10-good.conf', { ...ptp('good', '10.81.0.0/24') });
    net.configure('20-bad.conflist', {
      cniVersion: '1.0.0',
      name: 'bad',
      plugins: [
        { type: 'ptp', ipam: { type: 'host-local', subnet: '10.82.0.0/24' } },
        { type: 'bad' },
      ],
    });
  });
  afterEach(async () => {
    await until('nothing is left', () => net.traces().length === 0, 30_000);
    expect(globSync(join(net.pods.context.dataDir, 'cni/attachments-v1/*/*'))).toEqual([]);
  });
  afterAll(async () => {
    await net[Symbol.asyncDispose]();
  });

  it.each([
    [
      'says so',
      printJson({ cniVersion: '1.0.0', code: 107, msg: 'no way', details: 'at all' }, 1),
      /it failed \(code 107\): no way; at all/,
    ],
    [
      'says so and exits with 0',
      printJson({ code: 7, msg: 'no way' }),
      /it failed \(code 7, [^)]*\): no way/,
    ],
    [
      'fails without saying why',
      'echo broken >&2; exit 3',
      /it failed without saying why: exit code 3; broken/,
    ],
    ['prints no JSON', 'echo surprise; exit 0', /what it printed cannot be used/],
    ['prints 100 MB', 'head -c 100000000 /dev/zero; exit 0', /it printed more than it may/],
    ['is killed', 'kill -9 $$', /it was ended by a signal: SIGKILL/],
  ])('are left, all of them, when a plugin %s', async (_how, script, message) => {
    plugins.install('bad', { ADD: script });
    const stderr = await refusal('--net=good,bad');

    expect(stderr).toMatch(
      new RegExp(`cannot attach with the plugin "bad" of the network "bad": ${message.source}`),
    );
    expect(stderr).not.toContain('afterwards');
    expect(plugins.callNames().filter((name) => name === 'bad DEL').length).toBeGreaterThan(0);
  });

  it('are left when the caller gives up a plugin that hangs, and it ends with them', async () => {
    const file = join(plugins.dir, 'pid');
    plugins.install('bad', { ADD: `echo $$ >${file}; exec sleep 300` });
    plugins.forgetCalls();
    const { context } = net.pods;
    const program = context.start(['run', '--insecure-options=image', '--net=good,bad', ...SLEEP]);
    await until('it hangs', () => existsSync(file) && readFileSync(file, 'utf8') !== '', 30_000);
    program.kill('SIGINT');
    const { signal } = await program.ended;
    const pid = readFileSync(file, 'utf8').trim();

    expect(signal).toBe('SIGINT');
    await until('it has ended', () => !existsSync(`/proc/${pid}`), 30_000);
    await until('nothing is left', () => net.traces().length === 0, 30_000);
    expect(plugins.callNames()).toContain('bad DEL');
    rmSync(file);
  });

  it.each<[string, JsonObject, RegExp]>([
    [
      'whose plugin is missing',
      { cniVersion: '1.0.0', type: 'no-such' },
      /cannot find the plugin "no-such" of the network "odd"[^]*hint: searched: \//,
    ],
    [
      'of a version that nobody knows',
      { cniVersion: '9.0.0', type: 'ptp' },
      /CNI version "9.0.0" is not supported/,
    ],
    [
      'that run themselves',
      { cniVersion: '1.0.0', type: 'bridge', ipam: { type: 'bridge' } },
      /would run itself without end/,
    ],
    [
      'whose names are too long',
      {
        cniVersion: '1.0.0',
        type: 'bridge',
        bridge: 'a-name-of-far-too-many-characters',
        ipam: { type: 'host-local', subnet: '10.83.0.0/24' },
      },
      /cannot attach with the plugin "bridge" of the network "odd": it failed \(code 999/,
    ],
  ])('are refused %s', async (_what, config, message) => {
    net.configure('30-odd.conf', { name: 'odd', ...config });

    expect(await refusal('--net=odd')).toMatch(message);
  });

  it('are refused unreadable, and stand in nobody else’s way', async () => {
    run('sh', '-c', `printf '{"name": "odd", ' >${join(plugins.dir, '30-odd.conf')}`);
    run('sh', '-c', `cp ${join(plugins.dir, '10-good.conf')} ${join(plugins.dir, '11-same.conf')}`);

    expect(await refusal('--net=odd')).toMatch(/networks not found: "odd"\nhint: .*30-odd\.conf/);
    const { stderr, exitCode } = await net.shell(['--net=good'], 'true');
    expect(exitCode).toBe(0);
    expect(stderr).toContain('10-good.conf" has the name "good" already');
    for (const file of ['30-odd.conf', '11-same.conf']) net.removeConfig(file);
  });

  it('are told arguments as they are, and refuse odd ones', async () => {
    plugins.install('bad', { ADD: '' });
    plugins.forgetCalls();
    const { exitCode } = await net.shell(['--net=bad:LABEL=a b"$c:d'], 'true');

    expect(exitCode).toBe(0);
    expect(plugins.calls()[0]?.env['CNI_ARGS']).toBe('IgnoreUnknown=1;LABEL=a b"$c:d');
    expect(await refusal('--net=bad:A=b=c;D=\n')).toMatch(/has an empty name, ";" or a control/);
    expect(await refusal('--net=good:IP=10.81.0.300')).toMatch(
      /: invalid IP address 10.81.0.300$/m,
    );
  });

  it('warn of a route of the host that they overlap', async () => {
    run('ip', 'link', 'add', 'other0', 'type', 'bridge');
    run('ip', 'link', 'set', 'other0', 'up');
    run('ip', 'route', 'add', '10.81.0.0/16', 'dev', 'other0');
    const { stderr } = await net.shell(['--net=good'], 'true');
    run('ip', 'link', 'del', 'other0');

    expect(stderr).toContain(
      'warning: network "good": its subnet 10.81.0.0/24 overlaps the route of this host to 10.81.0.0/16 by other0',
    );
  });

  it('serve the next pod when a range is exhausted by one that has ended', async () => {
    net.configure('40-tiny.conf', ptp('tiny', '10.84.0.0/30'));
    const first = await net.pods.start(['--net=tiny', ...SLEEP]);
    const full = await net.pods.run(['--net=tiny', ...SLEEP]);
    expect(full.exitCode).toBe(254);
    expect(full.stderr).toMatch(/plugin "ptp" of the network "tiny": .*no IP addresses available/);

    // Nobody is left to give the address back but who needs it.
    process.kill(waiterOf(first.dir) ?? 0, 'SIGKILL');
    first.program.kill('SIGKILL');
    await first.program.ended;
    const next = await net.shell(['--net=tiny'], 'ip -o -4 addr show eth0');
    expect(next.stdout.toString()).toContain('10.84.0.2/30');
    expect(existsSync(join(first.dir, 'released'))).toBe(true);
  });

  it('fail at once, though a pod that has ended has not left another one yet', async () => {
    const file = join(plugins.dir, 'held-up');
    plugins.install('bad', { ADD: '', DEL: `while [ -e ${file} ]; do sleep 0.1; done` });
    plugins.install('good', { ADD: printJson({ code: 107, msg: 'no way' }, 1) });
    net.configure('30-odd.conf', { cniVersion: '1.0.0', name: 'odd', type: 'good' });
    run('touch', file);
    await net.shell(['--net=bad'], 'true');
    const { exitCode, stderr } = await net.shell(['--net=odd'], 'true');
    const waiting = existsSync(file) && net.reserved('bad').length === 1;
    rmSync(file);
    plugins.install('good', { ADD: '' });

    expect([exitCode, stderr, waiting]).toEqual([254, expect.stringContaining('no way'), true]);
  });

  it('are left whole though the namespace was removed under the pod', async () => {
    const pod = await net.pods.start(['--net=default', ...SLEEP]);
    removeNetns(linuxKernel, { path: `/run/gantry/netns/${pod.uuid}` });
    expect(run('iptables-save')).toContain(pod.uuid);
    pod.program.kill('SIGKILL');
    await pod.program.ended;
  });

  it('are left though what was noted of one is damaged', async () => {
    const pod = await net.pods.start(['--net=default,good', ...SLEEP]);
    const records = join(net.pods.context.dataDir, 'cni/attachments-v1', pod.uuid);
    writeFileSync(join(records, 'eth0.json'), '{"form');
    await net.gantry('stop', '--force', pod.uuid);
    await pod.program.ended;
  });

  it('are left by pods of before the host was restarted', async () => {
    const pod = await net.pods.start(['--net=default', ...SLEEP]);
    process.kill(waiterOf(pod.dir) ?? 0, 'SIGKILL');
    pod.program.kill('SIGKILL');
    await pod.program.ended;
    // What a restart leaves: the disk, and nothing else.
    removeNetns(linuxKernel, { path: `/run/gantry/netns/${pod.uuid}` });
    rmSync('/run/gantry', { recursive: true });
    for (const table of ['nat', 'filter']) {
      run('iptables', '-t', table, '-F');
      run('iptables', '-t', table, '-X');
    }
    expect(net.reserved('default')).toHaveLength(1);
    await net.gantry('gc', '--mark-only');

    expect(net.reserved('default')).toEqual([]);
  });

  it('keep a pod that cannot leave them from its removal, but not its port, until that is forced', async () => {
    plugins.install('bad', { ADD: '', DEL: printJson({ code: 107, msg: 'no way out' }, 1) });
    const { context } = net.pods;
    const flags = ['--net=default,bad', '--port=8080:80/tcp', '--pod-name=stuck'];
    expect((await net.shell(flags, 'true')).exitCode).toBe(0);
    const next = await net.shell(['--net=default', '--port=8080:80/tcp'], 'cat /etc/hosts');
    expect([next.exitCode, next.stdout.toString()]).toEqual([
      0,
      expect.not.stringContaining('stuck'),
    ]);
    const refused = await context.gantry(['rm', 'stuck']);
    const collected = await context.gantry(['gc', '--grace-period=0s']);
    const forced = await context.gantry(['rm', '--force', 'stuck']);
    plugins.install('bad', { DEL: '' });

    expect([refused.exitCode, forced.exitCode]).toEqual([254, 0]);
    expect(refused.stderr).toMatch(/: no way out[^]*hint: .*"gantry rm --force"/);
    for (const { stderr } of [refused, collected]) {
      expect(stderr.match(/no way out/g)).toHaveLength(1);
      expect(stderr).toContain('could not be given back');
    }
    expect(forced.stderr).toMatch(
      /warning: the network "bad" may keep what it made for the interface "eth0" of pod \S+, address 10\.82\.0\.\d+/,
    );
    expect(await net.gantry('list', '--no-legend')).not.toContain('stuck');
  });

  it('tell how to give up what a pod left that they failed twice', async () => {
    const fail = printJson({ code: 107, msg: 'nobody answers' }, 1);
    plugins.install('bad', { ADD: fail, DEL: fail });
    const { exitCode, stderr } = await net.shell(['--net=bad'], 'true');
    const command = /hint: .*"gantry (rm --force \S+)"/.exec(stderr)?.[1] ?? '';
    plugins.install('bad', { ADD: '', DEL: fail });
    await net.gantry(...command.split(' '));
    plugins.install('bad', { DEL: '' });

    expect(exitCode).toBe(254);
  });

  it('are left by the next pod in the place of one whose directory was removed by hand', async () => {
    const pod = await net.pods.start(['--net=default', '--port=8080:80/tcp', ...SLEEP]);
    process.kill(waiterOf(pod.dir) ?? 0, 'SIGKILL');
    pod.program.kill('SIGTERM');
    await pod.program.ended;
    for (const dir of cgroupsOf(pod.uuid)) run('find', dir, '-depth', '-type', 'd', '-delete');
    rmSync(pod.dir, { recursive: true });
    expect(net.traces()).toContain(`pin ${pod.uuid}`);

    expect((await net.shell(['--net=good'], 'true')).exitCode).toBe(0);
  });

  it('have their plugins collect what no pod holds, where they know how', async () => {
    net.configure('50-gc.conf', { cniVersion: '1.1.0', name: 'gc', type: 'good' });
    plugins.forgetCalls();
    const lives = await net.pods.start(['--net=gc', ...SLEEP]);
    await net.shell(['--net=gc'], 'true');
    await until('GC was called', () => plugins.callNames().includes('good GC'));
    const call = plugins.calls().find(({ command }) => command === 'GC');

    expect(call?.config['cni.dev/valid-attachments']).toEqual([
      { containerID: lives.uuid, ifname: 'eth0' },
    ]);
    await net.gantry('stop', '--force', lives.uuid);
    await lives.program.ended;
    // Waits for the release, at whose end plugins collect.
    await net.gantry('rm', lives.uuid);
  });

  it('take nothing from a pod that a newer gantry has put into the register', async () => {
    const newer = '/run/gantry/network/11111111-2222-4333-8444-555555555555.json';
    writeFileSync(newer, '{"version":2}');
    plugins.forgetCalls();
    const refused = await net.pods.run(['--net=default', '--port=8080:80/tcp', NAME]);
    const { exitCode } = await net.shell(['--net=gc', '--pod-name=short'], 'true');
    await net.gantry('rm', 'short');
    rmSync(newer);

    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toMatch(/pod 11111111\S+ has of the host's network: "\/run\/\S+" is of/);
    expect(exitCode).toBe(0);
    expect(plugins.callNames()).toEqual(['good ADD', 'good DEL']);
  });
});
