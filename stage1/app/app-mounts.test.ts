import { describe, expect, it } from 'vitest';
import type { App, RuntimeApp } from '#schema/pod/pod-manifest';
import { parsePodManifest } from '#schema/pod/pod-manifest';
import { type AppMounts, resolveAppMounts } from './app-mounts.ts';

interface Given {
  readonly volumes?: readonly unknown[];
  readonly mounts?: readonly unknown[];
  readonly mountPoints?: readonly unknown[];
  readonly imageVolumes?: readonly string[];
}

function resolve({
  volumes = [],
  mounts = [],
  mountPoints = [],
  imageVolumes = [],
}: Given): AppMounts {
  const app = {
    name: 'app',
    image: { id: `sha512-${'0'.repeat(64)}` },
    app: { exec: ['/a'], user: '0', group: '0', mountPoints },
  };
  const manifest = parsePodManifest(
    JSON.stringify({ acKind: 'PodManifest', acVersion: '0.8.11', apps: [app], volumes }),
  );

  return resolveAppMounts({
    podDir: '/pod',
    app: { ...manifest.apps[0], mounts } as RuntimeApp,
    description: manifest.apps[0]?.app as App,
    volumes: manifest.volumes ?? [],
    imageVolumes,
    recursiveByDefault: true,
  });
}

const host = { name: 'data', kind: 'host', source: '/srv' };

describe('resolveAppMounts()', () => {
  it('keeps the volumes of an image, outer ones first, unless something is mounted over them', () => {
    const imageVolumes = ['/a/b', '/a', '/var/lib/x', '/srv', '/srvs', '/own'];
    const mounts = ['/var/lib/', '/srv', '/own/below'].map((path) => ({ volume: 'data', path }));
    expect(resolve({ volumes: [host], mounts, imageVolumes }).kept).toEqual(
      ['/a', '/a/b', '/own', '/srvs'].toSorted((one, other) => one.length - other.length),
    );
  });

  it('serves mount points by the volume of their name, after the explicit mounts', () => {
    const { mounts } = resolve({
      volumes: [host, { name: 'logs', kind: 'empty', mode: '0700', uid: 5 }],
      mounts: [{ volume: 'data', path: '/x' }],
      mountPoints: [
        { name: 'logs', path: '/logs' },
        { name: 'data', path: '/data' },
      ],
    });

    expect(mounts.map(({ source, target }) => [source, target])).toEqual([
      ['/srv', '/x'],
      ['/pod/sharedVolumes/logs', '/logs'],
      ['/srv', '/data'],
    ]);
    expect(mounts[1]?.create).toEqual({ mode: '0700', uid: 5 });
  });

  it('mounts outer ones first, whatever their order', () => {
    const { mounts } = resolve({
      volumes: [host],
      mounts: ['/a/b/c', '/x/', '/a/./b/', '/a'].map((path) => ({ volume: 'data', path })),
      mountPoints: [{ name: 'root', path: '/' }],
    });

    expect(mounts.map(({ target }) => target)).toEqual(['/', '/x/', '/a', '/a/./b/', '/a/b/c']);
  });

  it.each(['/data', '/data/', '//data/.'])(
    'leaves a mount point to an explicit mount on %s',
    (path) => {
      const { mounts, implicit } = resolve({
        volumes: [host],
        mounts: [{ volume: 'data', path }],
        mountPoints: [{ name: 'other', path: '/data' }],
      });

      expect(mounts).toHaveLength(1);
      expect(implicit).toEqual([]);
    },
  );

  it('makes an empty volume for a mount point that nobody serves, and says so', () => {
    const { mounts, implicit } = resolve({ mountPoints: [{ name: 'db', path: '/db' }] });

    expect(implicit).toEqual(['db']);
    expect(mounts).toMatchObject([{ kind: 'empty', source: '/pod/sharedVolumes/app.db' }]);
  });

  it('lets the volume decide about being read-only, then the mount point', () => {
    const point = { name: 'data', path: '/data', readOnly: true };

    expect(resolve({ volumes: [host], mountPoints: [point] }).mounts[0]?.readOnly).toBe(true);
    expect(
      resolve({ volumes: [{ ...host, readOnly: false }], mountPoints: [point] }).mounts[0]
        ?.readOnly,
    ).toBe(false);
  });

  it('keeps recursion and propagation that were asked for', () => {
    const volumes = [{ ...host, recursive: false, propagation: 'shared' }];

    expect(resolve({ volumes, mounts: [{ volume: 'data', path: '/d' }] }).mounts).toMatchObject([
      { recursive: false, shared: true },
    ]);
  });

  it('rejects a mount of a volume that is not there', () => {
    expect(() => resolve({ mounts: [{ volume: 'none', path: '/d' }] })).toThrow(
      'cannot mount volume "none" on "/d" of app "app": the pod has no such volume',
    );
  });
});
