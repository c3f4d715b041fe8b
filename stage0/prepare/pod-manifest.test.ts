import { describe, expect, it } from 'vitest';
import { type ImageManifest, parseImageManifest } from '#schema/image/image-manifest';
import { formatPodManifest, type PodManifest } from '#schema/pod/pod-manifest';
import { parseImageKey } from '#schema/types/image-hash';
import { parseOciConfig } from '#schema/oci/config';
import { ociToAppc } from '#schema/oci/to-appc';
import { parseAcIdentifier, parseAcName } from '#schema/types/names';
import type { AppRequest, PrepareRequest } from '../operations/requests.ts';
import { buildPodManifest } from './pod-manifest.ts';

const key = parseImageKey(`sha512-${'a'.repeat(64)}`);

function image(app: unknown, name = 'example.com/web-server_v2'): ImageManifest {
  return parseImageManifest(
    JSON.stringify({
      acKind: 'ImageManifest',
      acVersion: '0.8.11',
      name: name.replace('_', '~'),
      app,
    }),
  );
}

const appRequest: AppRequest = {
  image: 'x',
  args: [],
  mounts: [],
  annotations: {},
  stdio: {},
  userAnnotations: {},
  userLabels: {},
  environment: {},
};

const request: PrepareRequest = {
  apps: [],
  mounts: [],
  volumes: [],
  ports: [],
  noOverlay: false,
  inheritEnv: false,
  setEnv: {},
  setEnvFiles: [],
  stage1: { kind: 'default' },
  pullPolicy: 'new',
  insecure: {
    image: false,
    tls: false,
    http: false,
    pubkey: false,
    capabilities: false,
    paths: false,
    seccomp: false,
  },
  unsupported: [],
};

function ociImage(user = ''): ImageManifest {
  const config = {
    os: 'linux',
    architecture: 'amd64',
    config: { User: user, Entrypoint: ['/run', 'it'], Cmd: ['now'] },
    rootfs: { type: 'layers', diff_ids: [] },
  };
  return ociToAppc(parseOciConfig(JSON.stringify(config), 'it'), { name: 'a' }, 'x').manifest;
}

interface Given {
  readonly app?: unknown;
  readonly flags?: Partial<AppRequest>;
  readonly pod?: Partial<PrepareRequest>;
}

function build({ app, flags, pod }: Given): PodManifest {
  const described = app === undefined ? { exec: ['/a', 'b'], user: '1', group: '2' } : app;
  const manifest = buildPodManifest({
    request: { ...request, ...pod },
    apps: [
      {
        request: { ...appRequest, ...flags },
        image: { key, manifest: image(described === null ? undefined : described) },
      },
    ],
    callerEnv: { HOME: '/home', 'BASH_FUNC_x%%': '() { :; }', PARENT: 'p' },
    setEnvFile: { F: 'file' },
  });
  // What is built must be a document that can be read again.
  formatPodManifest(manifest);
  return manifest;
}

const appOf = (given: Given) => build(given).apps[0];

describe('buildPodManifest()', () => {
  it('names an app after its image, unless told', () => {
    expect(appOf({})?.name).toBe('web-server-v2');
    expect(appOf({ flags: { name: parseAcName('other') } })?.name).toBe('other');
  });

  it('appends arguments, and lets --exec replace the whole', () => {
    expect(appOf({ flags: { args: ['c'] } })?.app?.exec).toEqual(['/a', 'b', 'c']);
    expect(appOf({ flags: { exec: '/x', args: ['c'] } })?.app?.exec).toEqual(['/x', 'c']);
  });

  it.each([
    ['what the image says', {}, ['/run', 'it', 'now']],
    ['arguments in the place of CMD', { args: ['x', 'y'] }, ['/run', 'it', 'x', 'y']],
    ['--exec in the place of both', { exec: '/sh' }, ['/sh']],
    ['--exec and arguments', { exec: '/sh', args: ['-c', 'x'] }, ['/sh', '-c', 'x']],
  ] as const)('executes of an OCI image %s', (_, flags, exec) => {
    const built = buildPodManifest({
      request: { ...request, apps: [] },
      apps: [{ request: { ...appRequest, ...flags }, image: { key, manifest: ociImage() } }],
      callerEnv: {},
      setEnvFile: {},
    });

    expect(built.apps[0]?.app?.exec).toEqual(exec);
  });

  it.each([
    ['whose image names none', { image: '' }, true],
    ['whose image names one', { image: ':2' }, false],
    ['that a flag names a group of', { image: '', group: '3' }, false],
    ['that a flag names the user of', { image: ':2', user: '4' }, true],
  ] as const)('gives an app the groups of its user %s', (_, { image: said, ...flags }, own) => {
    const manifest = ociImage(`1${said}`);
    const built = buildPodManifest({
      request: { ...request, apps: [] },
      apps: [{ request: { ...appRequest, ...flags }, image: { key, manifest } }],
      callerEnv: {},
      setEnvFile: {},
    });
    const names = built.apps[0]?.annotations?.map(({ name }) => name) ?? [];

    expect(names.includes(parseAcIdentifier('gantry.sh/own-groups'))).toBe(own);
  });

  it('lets flags replace what the image says', () => {
    const flags = {
      user: 'u',
      group: 'g',
      workingDir: '/w',
      supplementaryGids: [5],
      readOnlyRootfs: true,
      userAnnotations: { a: '2' },
      annotations: { 'example.com/a': 'v' },
    };
    const app = { exec: ['/a'], user: '1', group: '2', userAnnotations: { a: '1', b: '1' } };

    expect(appOf({ app, flags })).toMatchObject({
      readOnlyRootFS: true,
      annotations: [{ name: 'example.com/a', value: 'v' }],
      app: {
        user: 'u',
        group: 'g',
        workingDirectory: '/w',
        supplementaryGIDs: [5],
        userAnnotations: { a: '2', b: '1' },
      },
    });
  });

  it('inherits only names that a manifest can hold', () => {
    const environment = appOf({ pod: { inheritEnv: true } })?.app?.environment;

    expect(environment?.map(({ name }) => name)).toEqual(['HOME', 'PARENT', 'F']);
    expect(appOf({})?.app?.environment).toEqual([{ name: 'F', value: 'file' }]);
  });

  it('gives every app the global mounts but where it has its own', () => {
    const [data, other] = [parseAcName('data'), parseAcName('other')];
    const volumes = [
      { name: data, kind: 'empty' as const },
      { name: other, kind: 'empty' as const },
    ];
    const pod = {
      volumes,
      mounts: [
        { volume: data, target: '/d' },
        { volume: data, target: '/o' },
      ],
    };
    const flags = { mounts: [{ volume: other, target: '/o' }] };

    expect(appOf({ pod, flags })?.mounts).toEqual([
      { volume: 'other', path: '/o' },
      { volume: 'data', path: '/d' },
    ]);
  });

  it('runs an image that describes no app only with --exec, as root', () => {
    expect(() => build({ app: null })).toThrow('it does not say what to execute');
    expect(appOf({ app: null, flags: { exec: '/x' } })?.app).toMatchObject({
      exec: ['/x'],
      user: '0',
      group: '0',
    });
  });
});
