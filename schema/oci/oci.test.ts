import { assert, json, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../test/helpers/code-of.ts';
import { formatImageManifest, parseImageManifest } from '../image/image-manifest.ts';
import { parseOciConfig } from './config.ts';
import type { Descriptor } from './descriptor.ts';
import { parseOciManifest } from './manifest.ts';
import { choosePlatform, hostPlatform } from './platform.ts';
import { ociToAppc } from './to-appc.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const OCI = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER = 'application/vnd.docker.distribution.manifest.v2+json';
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 7 };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: 9 };
const image = { schemaVersion: 2, config, layers: [layer] };

const parse = (document: object, mediaType: string = OCI): ReturnType<typeof parseOciManifest> =>
  parseOciManifest(JSON.stringify(document), { what: 'the manifest', mediaType });

describe('parseOciManifest()', () => {
  it('reads manifests of both families and indexes', () => {
    expect(parse(image)).toEqual({ kind: 'manifest', mediaType: OCI, config, layers: [layer] });
    expect(parse({ ...image, mediaType: DOCKER }, DOCKER)).toMatchObject({ kind: 'manifest' });
    expect(parse({ schemaVersion: 2, manifests: [{ ...config, platform: null }] }, INDEX)).toEqual({
      kind: 'index',
      mediaType: INDEX,
      manifests: [config],
    });
  });

  it.each([
    ['nothing', {}],
    ['another version', { ...image, schemaVersion: 3 }],
    ['no layers', { schemaVersion: 2, config }],
    ['a short digest', { ...image, config: { ...config, digest: 'sha256:ab' } }],
    ['upper case', { ...image, config: { ...config, digest: digest.toUpperCase() } }],
    ['a size below nothing', { ...image, layers: [{ ...layer, size: -1 }] }],
    ['half a byte', { ...image, layers: [{ ...layer, size: 1.5 }] }],
    ['two meanings', { ...image, manifests: [] }],
    ['another type than it was handed out as', { ...image, mediaType: DOCKER }],
    ['layers without end', { ...image, layers: Array.from({ length: 501 }, () => layer) }],
  ])('rejects %s', (_, document) => {
    expect(codeOf(() => parse(document))).toBe('IMAGE_MANIFEST_INVALID');
  });

  it.each([
    ['schema 1', { schemaVersion: 1, fsLayers: [] }, OCI],
    ['schema 1 by its type', {}, 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
    ['something else', { schemaVersion: 2 }, 'text/html'],
    ['a chart', { ...image, config: { ...config, mediaType: 'application/x.helm' } }, OCI],
    [
      'an encrypted layer',
      { ...image, layers: [{ ...layer, mediaType: `${layer.mediaType}+encrypted` }] },
      OCI,
    ],
  ])('has no use for %s', (_, document, mediaType) => {
    expect(codeOf(() => parse(document, mediaType))).toBe('IMAGE_MANIFEST_UNSUPPORTED');
  });

  it('says something of ours about any document', () => {
    assert(
      property(json(), string(), (text, mediaType) => {
        for (const type of [OCI, INDEX, mediaType]) {
          codeOf(() => parseOciManifest(text, { what: 'it', mediaType: type }));
        }
        codeOf(() => parseOciConfig(text, 'it'));
      }),
    );
  });
});

describe('choosePlatform()', () => {
  const of = (architecture: string, variant?: string, os = 'linux'): Descriptor =>
    ({ ...config, size: Math.random(), platform: { os, architecture, variant } }) as Descriptor;
  const amd64 = of('amd64');
  const [v5, v6, v7] = [of('arm', 'v5'), of('arm', 'v6'), of('arm', 'v7')];

  it.each([
    [
      'the one of the machine',
      { given: [of('arm64'), amd64], architecture: 'amd64', chosen: amd64 },
    ],
    [
      'not one for newer processors',
      { given: [of('amd64', 'v3'), amd64], architecture: 'amd64', chosen: amd64 },
    ],
    ['the best variant', { given: [v5, v7, v6], architecture: 'arm', chosen: v7 }],
    ['an older variant', { given: [v5, v6], architecture: 'arm', chosen: v6 }],
    [
      'no other system',
      { given: [of('amd64', undefined, 'windows')], architecture: 'amd64', chosen: undefined },
    ],
    ['no other processor', { given: [of('arm64')], architecture: 'amd64', chosen: undefined }],
    [
      'what is no image',
      { given: [of('unknown', undefined, 'unknown')], architecture: 'amd64', chosen: undefined },
    ],
  ])('takes %s', (_, { given, architecture, chosen }) => {
    expect(choosePlatform(given, { os: 'linux', architecture })).toBe(chosen);
  });

  it('takes the only image that names no platform, and none of several', () => {
    const plain = config as Descriptor;

    expect(choosePlatform([plain], hostPlatform())).toBe(plain);
    expect(choosePlatform([plain, plain], hostPlatform())).toBeUndefined();
  });

  it('takes the variant that is asked for', () => {
    expect(choosePlatform([v5, v7], { os: 'linux', architecture: 'arm', variant: 'v5' })).toBe(v5);
  });
});

describe('ociToAppc()', () => {
  const convert = (container: object | null, name = 'r.example/a'): ReturnType<typeof ociToAppc> =>
    ociToAppc(
      parseOciConfig(
        JSON.stringify({
          os: 'linux',
          architecture: 'amd64',
          created: '2026-01-02T03:04:05.678901234Z',
          config: container,
          rootfs: { type: 'layers', diff_ids: [digest] },
        }),
        'the configuration',
      ),
      { name, version: '1' },
      digest,
    );

  it('makes a manifest that is read again', () => {
    const { manifest, warnings } = convert({
      User: 'www:web',
      Env: ['PATH=/bin', 'A=1=2', 'EMPTY', 'PATH=/usr/bin'],
      Entrypoint: ['/run', 'it'],
      Cmd: ['now'],
      WorkingDir: '/srv',
      ExposedPorts: { '80/tcp': {}, '53/udp': {}, '9': {}, '9/tcp': {}, '8000-8010/tcp': {} },
      Volumes: { '/data/': {}, '/a/../b//c': {}, '/data': {} },
      Labels: { 'Any Text': 'x' },
      StopSignal: 'SIGQUIT',
    });

    expect(warnings).toEqual([]);
    expect(parseImageManifest(formatImageManifest(manifest))).toEqual(manifest);
    expect(manifest).toMatchObject({
      name: 'r.example/a',
      labels: [{ value: '1' }, { name: 'os' }, { name: 'arch', value: 'amd64' }],
      app: {
        exec: ['/run', 'it', 'now'],
        user: 'www',
        group: 'web',
        workingDirectory: '/srv',
        environment: [
          { name: 'A', value: '1=2' },
          { name: 'EMPTY', value: '' },
          { name: 'PATH', value: '/usr/bin' },
        ],
        ports: [
          { name: '9-tcp', port: 9 },
          { name: '80-tcp', port: 80 },
          { name: '53-udp', port: 53, protocol: 'udp' },
          { name: '8000-8010-tcp', port: 8000, count: 11 },
        ],
        userLabels: { 'Any Text': 'x' },
      },
      annotations: [
        { value: digest },
        { value: '["/run","it"]' },
        { name: 'created' },
        { value: 'SIGQUIT' },
        { value: '["/data","/b/c"]' },
      ],
    });
  });

  it('makes one of an image that says nothing', () => {
    const nothing = { Entrypoint: null, Cmd: null, Env: null, Labels: null, Volumes: null };
    for (const container of [null, {}, nothing]) {
      expect(convert(container).manifest.app).toEqual({ user: '0', group: '0' });
    }
  });

  it('says what it leaves out', () => {
    const { manifest, warnings } = convert({
      Env: ['A B=1', '=2'],
      ExposedPorts: { '0/tcp': {}, '70000': {}, '9-8': {}, x: {} },
      StopSignal: 'SIGWHAT',
      Volumes: { '/': {}, data: {}, '../up': {}, '': {} },
    });

    expect(warnings).toHaveLength(11);
    expect(manifest.app).toEqual({ user: '0', group: '0' });
  });

  it.each([
    ['localhost:5000/A__b', 'localhost-5000/a-b'],
    ['r.example/a--b', 'r.example/a-b'],
    ['-._', 'image'],
    ['a.-b/..', 'a-b'],
  ])('calls "%s" "%s"', (name, expected) => {
    expect(convert({}, name).manifest.name).toBe(expected);
  });

  it.each([
    ['SIGQUIT', 'SIGQUIT'],
    ['quit', 'SIGQUIT'],
    ['3', 'SIGQUIT'],
    ['SIGRTMIN+3', 'SIGRTMIN+3'],
  ])('takes the signal "%s" for %s', (StopSignal, value) => {
    expect(convert({ StopSignal }).manifest.annotations).toContainEqual({
      name: 'gantry.sh/oci/stop-signal',
      value,
    });
  });

  it('finds a name for anything', () => {
    assert(property(string(), (name) => void convert({}, name)));
  });

  it.each([
    ['a relative directory', { WorkingDir: 'srv' }],
    ['an argument with NUL', { Cmd: ['a\0b'] }],
    ['a list where text belongs', { User: ['a'] }],
  ])('is not asked about %s', (_, container) => {
    expect(codeOf(() => convert(container))).toBe('IMAGE_CONFIG_INVALID');
  });

  it('knows no machine of another kind', () => {
    const text = JSON.stringify({
      os: 'windows',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [] },
    });

    const called = { name: 'a', reference: 'r.example/a:1' };

    expect(codeOf(() => ociToAppc(parseOciConfig(text, 'it'), called, digest))).toBe(
      'IMAGE_FOREIGN',
    );
    expect(() => ociToAppc(parseOciConfig(text, 'it'), called, digest)).toThrow(
      'cannot use image "r.example/a:1": it is for "windows/amd64"',
    );
  });
});
