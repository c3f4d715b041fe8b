import { describe, expect, it } from 'vitest';
import { codeOf } from '../../test/helpers/code-of.ts';
import type { PodManifest } from '#schema/pod/pod-manifest';
import type { RunOptions } from '../operations/requests.ts';
import type { Flavor } from '../stage1/flavor.ts';
import { checkPod, checkRun, type RunProposal } from './checks.ts';

const everything: Flavor = { name: 's', interfaceVersion: 6, entrypoints: {}, features: 'all' };
const nothing: Flavor = { ...everything, features: new Set<string>() };
const nspawn: Flavor = { ...everything, features: new Set(['stdio-modes']) };
const options: RunOptions = { dns: { search: [], options: [] }, interactive: false };

function app(name: string, more: object = {}): object {
  return {
    name,
    image: { id: 'sha512-aa' },
    app: { exec: ['/a'], user: '0', group: '0' },
    ...more,
  };
}

function proposal(given: {
  apps?: readonly object[];
  ports?: readonly object[];
  volumes?: readonly object[];
  flavor?: Flavor;
  unsupported?: readonly string[];
  isolators?: readonly object[];
  options?: Partial<RunOptions>;
}): RunProposal {
  const manifest = {
    acKind: 'PodManifest',
    acVersion: '0.8.11',
    apps: given.apps ?? [app('a')],
    volumes: given.volumes ?? [],
    ports: given.ports ?? [],
    isolators: given.isolators,
  } as unknown as PodManifest;

  return {
    manifest,
    images: [],
    flavor: given.flavor ?? everything,
    unsupported: given.unsupported ?? [],
    options: { ...options, ...given.options },
  };
}

const streams = (mode: string): object => ({
  annotations: [{ name: 'coreos.com/rkt/stage2/stdin', value: mode }],
});
const handler = { name: 'post-stop', exec: ['/x'] };
const handled = app('a', {
  app: { exec: ['/a'], user: '0', group: '0', eventHandlers: [handler] },
});

describe('checkPod()', () => {
  it('names the isolators of a pod by their places, and leaves them to a stage1 of somebody else', () => {
    const isolators = [{ name: 'resource/memory' }, { name: 'os/unix/sysctl' }];

    expect(() => checkPod(proposal({ isolators, flavor: nspawn }))).toThrow(
      'cannot make the pod: isolators[0] "resource/memory", isolators[1] "os/unix/sysctl" of the pod manifest are for the pod as a whole, which s does not isolate',
    );
    expect(codeOf(() => checkPod(proposal({ isolators })))).toBeUndefined();
    expect(codeOf(() => checkPod(proposal({ isolators: [], flavor: nspawn })))).toBeUndefined();
  });

  it('takes a pod that has nothing wrong', () => {
    expect(codeOf(() => checkPod(proposal({})))).toBeUndefined();
    expect(codeOf(() => checkPod(proposal({ apps: [handled] })))).toBeUndefined();
    expect(codeOf(() => checkPod(proposal({ apps: [app('a', streams('null'))] })))).toBeUndefined();
    const streaming = { apps: [app('a', streams('stream'))], flavor: nspawn };
    expect(codeOf(() => checkPod(proposal(streaming)))).toBeUndefined();
  });

  it.each([
    ['flags that are not supported yet', { unsupported: ['--memory'] }, 'NOT_SUPPORTED'],
    ['ports that no app has', { ports: [{ name: 'www', hostPort: 80 }] }, 'PORT_UNKNOWN'],
    [
      'streams in an annotation, under fly',
      { apps: [app('a', streams('stream'))], flavor: nothing },
      'FLAVOR_CANNOT',
    ],
    ['half a terminal', { apps: [app('a', streams('tty'))], flavor: nspawn }, 'STDIO_INVALID'],
    [
      'isolators of the whole pod',
      { isolators: [{ name: 'resource/memory' }], flavor: nspawn },
      'POD_ISOLATORS',
    ],
    ['no apps', { apps: [] }, 'POD_EMPTY'],
    ['two apps of one name', { apps: [app('a'), app('a')] }, 'APP_NAME_TWICE'],
    ['a name longer than units can be called', { apps: [app('a'.repeat(235))] }, 'APP_NAME_LONG'],
    ['an app without a program', { apps: [app('a', { app: undefined })] }, 'APP_NOT_DESCRIBED'],
    [
      'a dangling mount',
      { apps: [app('a', { mounts: [{ volume: 'v', path: '/v' }] })] },
      'MOUNT_DANGLING',
    ],
    [
      'two mounts at one place',
      {
        volumes: [{ name: 'v', kind: 'empty' }],
        apps: [app('a', { mounts: ['/v', '/w', '/v/'].map((path) => ({ volume: 'v', path })) })],
      },
      'MOUNT_TARGET_TWICE',
    ],
    ['several apps under fly', { apps: [app('a'), app('b')], flavor: nothing }, 'FLAVOR_CANNOT'],
    ['a post-stop handler under fly', { apps: [handled], flavor: nothing }, 'FLAVOR_CANNOT'],
  ])('rejects %s', (_what, given, code) => {
    expect(codeOf(() => checkPod(proposal(given)))).toBe(code);
  });
});

describe('checkRun()', () => {
  it.each([
    [
      'a terminal for two apps',
      { apps: [app('a'), app('b')], options: { interactive: true } },
      'POD_NOT_INTERACTIVE',
    ],
    [
      'the terminal of the caller for an app that has streams',
      { apps: [app('a', streams('stream'))], options: { interactive: true }, flavor: nspawn },
      'POD_NOT_INTERACTIVE',
    ],
    ['no network under fly', { options: { net: ['none'] }, flavor: nothing }, 'FLAVOR_CANNOT'],
    [
      'a volume without its source',
      { volumes: [{ name: 'v', kind: 'host', source: '/no/such' }] },
      'VOLUME_SOURCE_MISSING',
    ],
    [
      'a volume whose source nothing can be called',
      { volumes: [{ name: 'v', kind: 'host', source: `/${'x'.repeat(300)}` }] },
      'VOLUME_SOURCE_MISSING',
    ],
  ])('rejects %s', (_what, given, code) => {
    expect(codeOf(() => checkRun(proposal(given)))).toBe(code);
  });

  it('lets host win over every other network', () => {
    const given = { options: { net: ['default', 'host'] }, flavor: nothing };

    expect(codeOf(() => checkRun(proposal(given)))).toBeUndefined();
  });
});
