import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetworkPods, NAME, type NetworkPods } from '../helpers/network-pods.ts';
import { until } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

let net: NetworkPods;

const bridge = (name: string, more: object = {}): void =>
  net.configure(`${name}.conflist`, {
    cniVersion: '1.0.0',
    name,
    plugins: [
      {
        type: 'bridge',
        bridge: name,
        isGateway: true,
        ipam: { type: 'host-local', subnet: '10.97.0.0/24' },
        ...more,
      },
    ],
  });

describe.runIf(
  requires('root', 'netns', 'mount-namespace', 'cni-plugins', 'nspawn', 'overlay', 'busybox'),
)('names in networks of nspawn pods', () => {
  beforeAll(async () => {
    net = await createNetworkPods();
    await net.pods.add({ name: 'example.com/hosts', files: { 'etc/hosts': '192.0.2.9 own\n' } });
    bridge('shared');
    bridge('named', {
      dns: { nameservers: ['192.0.2.53'], search: ['example.net'] },
      bridge: 'named0',
      ipam: { type: 'host-local', subnet: '10.98.0.0/24' },
    });
  });
  afterAll(async () => {
    await net[Symbol.asyncDispose]();
  });

  it('lead to neighbours by pod name and host name, whoever came first, and no longer than those live', async () => {
    const script = (other: string, found: string): readonly string[] => [
      '--exec=/bin/sh',
      '--',
      '-c',
      `nc -ll -p 80 -e hostname & echo ready
       until nc -w 1 ${other} 80 2>/dev/null </dev/null | grep -q ${found}; do sleep 0.1; done
       until ! grep -q ${other} /etc/hosts; do sleep 0.1; done; echo alone; exec sleep 300`,
    ];
    const web = await net.pods.start([
      '--net=shared',
      '--pod-name=web',
      '--hostname=www.example',
      NAME,
      ...script('db', 'rkt-'),
    ]);
    let said = '';
    web.program.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const db = await net.pods.start([
      '--net=shared',
      '--pod-name=db',
      'example.com/hosts',
      ...script('www.example', 'www.example'),
    ]);
    const hosts = (dir: string, app: string): string =>
      readFileSync(join(dir, 'hosts', app), 'utf8');

    expect(hosts(web.dir, 'net')).toMatch(
      /10\.97\.0\.\d+\tweb www\.example\n10\.97\.0\.\d+\tdb rkt-[0-9a-f-]{36}\n/,
    );
    expect(hosts(db.dir, 'hosts')).toMatch(/^192\.0\.2\.9 own\n#[^\n]*\n10\.97\.0\.\d+\tdb rkt-/);
    await net.gantry('enter', 'web', '/bin/sh', '-c', 'nc -w 2 db 80 </dev/null | grep rkt-');
    await net.gantry('enter', 'db', '/bin/sh', '-c', 'nc -w 2 web 80 </dev/null | grep www');
    await net.gantry('stop', '--force', 'db');
    await db.program.ended;
    await until('the first one is alone', () => said.includes('alone'), 30_000);
    expect(hosts(web.dir, 'net')).not.toContain('\tdb ');
    await net.gantry('stop', '--force', 'web');
    await web.program.ended;
  });

  it('come from the network, unless others are asked for', async () => {
    const show = 'cat /etc/resolv.conf; grep -c . /etc/hosts';
    const given = await net.shell(['--net=named'], show);
    const asked = await net.shell(['--net=named', '--dns=192.0.2.1'], show);
    const none = await net.shell(['--net=named', '--dns=none'], 'cat /etc/resolv.conf || true');
    const sealed = await net.pods.run([
      '--net=named',
      '--interactive',
      NAME,
      '--readonly-rootfs=true',
      '--exec=/bin/cat',
      '--',
      '/etc/resolv.conf',
    ]);

    expect(given.stdout.toString()).toContain('search example.net\nnameserver 192.0.2.53\n');
    expect(sealed.stdout.toString()).toContain('nameserver 192.0.2.53\n');
    expect(asked.stdout.toString()).toContain('nameserver 192.0.2.1\n');
    expect(asked.stdout.toString()).not.toContain('192.0.2.53');
    expect(none.stdout.toString()).not.toContain('192.0.2.53');
  });

  it('are the pod’s own with its address, beside those that are asked for', async () => {
    const { stdout } = await net.shell(
      ['--net', '--hostname=me.example', '--hosts-entry=192.0.2.7=seven'],
      'cat /etc/hosts; hostname',
    );

    expect(stdout.toString()).toMatch(/^127\.0\.0\.1\tlocalhost\n/m);
    expect(stdout.toString()).toContain('192.0.2.7\tseven\n');
    expect(stdout.toString()).toMatch(/^172\.16\.28\.\d+\tme\.example\n/m);
    const unnamed = await net.shell(['--net', '--hosts-entry=192.0.2.7=seven'], 'cat /etc/hosts');
    expect(unnamed.stdout.toString()).toMatch(/^127\.0\.0\.1\tlocalhost\n/m);
    expect(unnamed.stdout.toString()).toMatch(/^172\.16\.28\.\d+\trkt-/m);
    const host = await net.shell(['--net', '--hosts-entry=host'], 'cat /etc/hosts');
    expect(host.stdout.toString()).toBe(readFileSync('/etc/hosts', 'utf8'));
  });
});
