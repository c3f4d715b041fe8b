import { describe, expect, it } from 'vitest';
import { formatPodManifest, type PodManifest, parsePodManifest } from './pod-manifest.ts';

const HEAD = { acVersion: '0.8.11', acKind: 'PodManifest' };
const IMAGE = { id: 'sha512-0123456789ab' };

const FULL = {
  ...HEAD,
  apps: [
    {
      name: 'worker',
      image: {
        name: 'example.com/worker',
        id: `sha512-${'0a'.repeat(32)}`,
        labels: [{ name: 'version', value: '1.0.0' }],
      },
      app: { exec: ['/bin/worker'], user: '0', group: '0' },
      readOnlyRootFS: true,
      mounts: [
        { volume: 'work', path: '/var/work' },
        {
          volume: 'own',
          path: '/var/own',
          appVolume: { name: 'own', kind: 'host', source: '/srv/own' },
        },
      ],
      annotations: [{ name: 'foo', value: 'baz' }],
    },
    { name: 'register', image: IMAGE },
  ],
  volumes: [
    { name: 'work', kind: 'host', source: '/opt/work', readOnly: true, recursive: false },
    { name: 'scratch', kind: 'empty', mode: '1777', uid: 1, gid: 2, readOnly: false },
    { name: 'plain', kind: 'empty' },
  ],
  isolators: [{ name: 'resource/memory', value: { limit: '4G' } }],
  annotations: [{ name: 'coreos.com/rkt/stage1/mutable', value: 'true' }],
  ports: [
    { name: 'ftp', hostPort: 2121, hostIP: '203.0.113.23' },
    { name: 'web', hostPort: 80, podPort: { name: 'web', protocol: 'tcp', port: 8080 } },
  ],
  userAnnotations: { a: 'b' },
  userLabels: { c: 'd' },
};

function parse(document: unknown): PodManifest {
  return parsePodManifest(JSON.stringify(document));
}

describe('parsePodManifest()', () => {
  it('reads every field of the specification', () => {
    expect(parse(FULL)).toEqual(FULL);
  });

  it('reads what Go writes for a pod without apps', () => {
    expect(
      parse({
        ...HEAD,
        apps: null,
        volumes: null,
        isolators: null,
        annotations: null,
        ports: null,
      }),
    ).toEqual({ ...HEAD, apps: [] });
  });

  it('takes an empty text for a source or an address that was not set', () => {
    expect(
      parse({
        ...HEAD,
        apps: [],
        volumes: [{ name: 'a', kind: 'empty', source: '' }],
        ports: [{ name: 'a', hostPort: 1, hostIP: '' }],
      }),
    ).toEqual({
      ...HEAD,
      apps: [],
      volumes: [{ name: 'a', kind: 'empty' }],
      ports: [{ name: 'a', hostPort: 1 }],
    });
  });

  it.each([
    [{ acKind: 'ImageManifest', apps: 1 }, 'acKind: must be "PodManifest", not "ImageManifest"'],
    [{ acVersion: '2.0.0', apps: 1 }, 'acVersion: is "2.0.0", of a newer major version'],
    [{}, 'apps: is required'],
    [{ apps: {} }, 'apps: must be a list'],
    [{ apps: [{ name: 'a' }] }, 'apps[0].image: is required'],
    [{ apps: [{ name: 'a', image: {} }] }, 'apps[0].image.id: is required'],
    [{ apps: [{ name: 'a', image: { id: 'sha1-00' } }] }, 'apps[0].image.id: must be "sha512-"'],
    [{ apps: [{ name: 'a/b', image: IMAGE }] }, 'apps[0].name: must be lower-case'],
    [
      {
        apps: [
          { name: 'a', image: IMAGE },
          { name: 'a', image: IMAGE },
        ],
      },
      'apps[1].name: "a" is given twice',
    ],
    [
      { apps: [{ name: 'a', image: IMAGE, app: { user: '0', group: '0', exec: [1] } }] },
      'apps[0].app.exec[0]: must be text',
    ],
    [
      { apps: [{ name: 'a', image: IMAGE, mounts: [{ volume: 'v', path: '/v' }] }] },
      'apps[0].mounts[0].volume: the pod has no volume "v"',
    ],
    [
      {
        apps: [{ name: 'a', image: IMAGE, mounts: [{ volume: 'v', path: 'v' }] }],
        volumes: [{ name: 'v', kind: 'empty' }],
      },
      'apps[0].mounts[0].path: must be an absolute path, not "v"',
    ],
    [{ apps: [], volumes: [{ name: 'v', kind: 'tmpfs' }] }, 'volumes[0].kind: must be "host" or'],
    [{ apps: [], volumes: [{ name: 'v', kind: 'host' }] }, 'volumes[0].source: is required'],
    [
      { apps: [], volumes: [{ name: 'v', kind: 'host', source: 'srv' }] },
      'volumes[0].source: must be an absolute path',
    ],
    [
      { apps: [], volumes: [{ name: 'v', kind: 'host', source: '/srv', mode: '0700' }] },
      'volumes[0].mode: must not be set for a volume of kind host',
    ],
    [
      { apps: [], volumes: [{ name: 'v', kind: 'empty', source: '/srv' }] },
      'volumes[0].source: must not be set for a volume of kind empty',
    ],
    [
      { apps: [], volumes: [{ name: 'v', kind: 'empty', mode: '0899' }] },
      'volumes[0].mode: must be a mode of three or four octal digits',
    ],
    [
      { apps: [], volumes: [{ name: 'v', kind: 'empty', uid: -1 }] },
      'volumes[0].uid: must be a whole number',
    ],
    [
      {
        apps: [],
        volumes: [
          { name: 'v', kind: 'empty' },
          { name: 'v', kind: 'empty' },
        ],
      },
      'volumes[1].name: "v" is given twice',
    ],
    [{ apps: [], ports: [{ name: 'p' }] }, 'ports[0].hostPort: is required'],
    [
      { apps: [], ports: [{ name: 'p', hostPort: 0 }] },
      'ports[0].hostPort: must be a whole number',
    ],
    [
      { apps: [], ports: [{ name: 'p', hostPort: 1, podPort: { name: 'p' } }] },
      'ports[0].podPort.protocol: is required; ports[0].podPort.port: is required',
    ],
    [
      { apps: [], isolators: [{ name: 'os/linux/cpu-shares', value: 1 }] },
      'isolators[0].value: must be a whole number from 2 to 262144',
    ],
  ])('refuses %j', (fields, message) => {
    expect(() => parse({ ...HEAD, ...fields })).toThrow(
      expect.objectContaining({
        code: 'POD_MANIFEST_INVALID',
        message: expect.stringContaining(`cannot read pod manifest: ${message}`),
      }),
    );
  });

  it.each(['1.2.3', '1.2.3.4.', '256.1.1.1', '01.2.3.4', '1.2.3.4/8', '::1::', '1.2.3.4\n', 'a'])(
    'refuses the address %j',
    (hostIP) => {
      expect(() =>
        parse({ ...HEAD, apps: [], ports: [{ name: 'p', hostPort: 1, hostIP }] }),
      ).toThrow('ports[0].hostIP: must be an IP address');
    },
  );
});

describe('formatPodManifest()', () => {
  it('writes what was read, unknown fields in their places', () => {
    const json = JSON.stringify({
      future: [{ a: null }],
      ...FULL,
      apps: FULL.apps.map((app) => ({ ...app, restart: 'never' })),
    });

    expect(formatPodManifest(parsePodManifest(json))).toBe(json);
  });

  it('writes nothing that it would not read', () => {
    const manifest = parse(FULL);

    expect(() => formatPodManifest({ ...manifest, volumes: [] })).toThrow(
      'apps[0].mounts[0].volume: the pod has no volume "work"',
    );
  });
});
