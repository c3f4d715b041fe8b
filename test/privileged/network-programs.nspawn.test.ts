import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { inNetns } from '#cni';
import { placeHostPrograms } from '../helpers/host-programs.ts';
import { NETWORK_ENV } from '../helpers/network-host.ts';
import { createNetworkPods, type NetworkPods } from '../helpers/network-pods.ts';
import { until } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
  (name) => `${name}_temp_path /tmp/${name};`,
);
/** A page of its own, and a door to the database in another pod, which it finds by name. */
const NGINX_CONF = `
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
user root;
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  ${TEMPORARY.join(' ')}
  server { listen 80; location / { return 200 "a page\\n"; } }
}
stream { server { listen 6380; proxy_pass db:6379; } }
`;

let net: NetworkPods;
let client: string;

/** What a server says to a few lines, from another host. */
function ask(port: number, lines: string): string {
  const script = `exec 3<>/dev/tcp/10.90.0.1/${port} && printf '${lines}' >&3 && timeout 1 cat <&3`;
  const result = inNetns(linuxKernel, client, () =>
    nodeExec.runSync({ argv: ['timeout', '5', 'bash', '-c', script], env: NETWORK_ENV }),
  );

  return result.stdout.toString();
}

describe.runIf(
  requires(
    'root',
    'netns',
    'mount-namespace',
    'cni-plugins',
    'nspawn',
    'overlay',
    'nginx-and-redis',
  ),
)('nginx and redis in pods of their own', () => {
  beforeAll(async () => {
    net = await createNetworkPods();
    client = net.outside('client', '10.90.0.0/24');
    await net.pods.add({
      name: 'example.com/nginx',
      files: { 'etc/nginx.conf': NGINX_CONF },
      app: { exec: ['/usr/sbin/nginx', '-c', '/etc/nginx.conf'] },
      prepare(rootfs) {
        placeHostPrograms(rootfs, [
          '/usr/sbin/nginx',
          '/usr/lib/nginx/modules/ngx_stream_module.so',
        ]);
        for (const dir of ['var/log/nginx', 'var/lib/nginx']) {
          mkdirSync(join(rootfs, dir), { recursive: true });
        }
      },
    });
    await net.pods.add({
      name: 'example.com/redis',
      app: {
        exec: ['/usr/bin/redis-server', '--protected-mode', 'no', '--save', '', '--dir', '/tmp'],
      },
      prepare: (rootfs) => placeHostPrograms(rootfs, ['/usr/bin/redis-server']),
    });
    net.configure('10-backend.conflist', {
      cniVersion: '1.0.0',
      name: 'backend',
      plugins: [
        {
          type: 'bridge',
          bridge: 'backend0',
          isGateway: true,
          ipam: { type: 'host-local', subnet: '10.96.0.0/24' },
        },
      ],
    });
  });
  afterAll(async () => {
    await net[Symbol.asyncDispose]();
  });

  it('talk to each other by name, and to others by a forwarded port', async () => {
    const run = (...args: readonly string[]): ReturnType<typeof net.pods.context.start> =>
      net.pods.context.start(['run', '--insecure-options=image', ...args]);
    const db = run('--net=backend', '--pod-name=db', 'example.com/redis');
    await until('the database comes', () => net.reserved('backend').length === 1, 30_000);
    await net.gantry('status', '--wait-ready', 'db');
    const web = run(
      '--net=backend,default',
      '--pod-name=web',
      '--port=8080:80/tcp',
      '--port=8081:6380/tcp',
      'example.com/nginx',
    );

    await until(
      'the page is served',
      () => ask(8080, 'GET / HTTP/1.0\\n\\n').includes('a page'),
      40_000,
    );
    await until('the database answers', () => ask(8081, 'PING\\r\\n') === '+PONG\r\n', 40_000);
    expect(ask(8081, 'SET key word\\r\\nGET key\\r\\n')).toBe('+OK\r\n$4\r\nword\r\n');
    expect(await net.gantry('list', '--no-legend')).toMatch(
      /backend:ip4=10\.96\.0\.\d+, default:ip4=172\.16\.28\.\d+ +web/,
    );
    await net.gantry('stop', 'web', 'db');
    await Promise.all([web.ended, db.ended]);
    await until('nothing is left', () => net.traces().length === 0, 30_000);
  });
});
