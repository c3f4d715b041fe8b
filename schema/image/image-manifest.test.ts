import { describe, expect, it } from 'vitest';
import { formatImageManifest, type ImageManifest, parseImageManifest } from './image-manifest.ts';

const HEAD = { acKind: 'ImageManifest', acVersion: '0.8.11', name: 'example.com/worker' };

const FULL = {
  ...HEAD,
  labels: [
    { name: 'version', value: '1.0.0' },
    { name: 'os', value: 'linux' },
    { name: 'arch', value: 'aarch64' },
  ],
  app: {
    exec: ['/bin/worker', '--quiet', ''],
    user: '100',
    group: '/bin/worker',
    supplementaryGIDs: [0, 400, 4_294_967_294],
    eventHandlers: [
      { name: 'pre-start', exec: ['/bin/prepare'] },
      { name: 'post-stop', exec: ['/bin/clean', '-v'] },
    ],
    workingDirectory: '/opt/work',
    environment: [
      { name: 'DEBUG', value: '' },
      { name: '_a.b-c', value: 'x=\n"y"' },
    ],
    isolators: [
      { name: 'resource/memory', value: { request: '1G', limit: '2G' } },
      { name: 'example.com/own', value: { anything: [null] } },
    ],
    mountPoints: [
      { name: 'work', path: '/var/work', readOnly: true },
      { name: 'data', path: '/data' },
    ],
    ports: [
      { name: 'health', protocol: 'tcp', port: 4000, socketActivated: true },
      { name: 'ftp', protocol: 'udp', port: 65_535, count: 1 },
    ],
    userAnnotations: { 'Any key': 'any value' },
    userLabels: { tier: 'back' },
  },
  dependencies: [
    { imageName: 'example.com/base', imageID: `sha512-${'0a'.repeat(64)}`, size: 22_017_258 },
    { imageName: 'example.com/other', labels: [{ name: 'env', value: 'canary' }] },
  ],
  pathWhitelist: ['/bin/worker', '/etc/ssl/'],
  annotations: [
    { name: 'created', value: '2014-10-27T19:32:27.67021798Z' },
    { name: 'homepage', value: 'https://example.com' },
    { name: 'documentation', value: 'http://example.com/docs' },
    { name: 'authors', value: 'Anybody <a@example.com>' },
    { name: 'appc.io/executor/supports-systemd-notify', value: 'true' },
    { name: 'example.com/unknown', value: '\u0000' },
  ],
};

function parse(document: unknown): ImageManifest {
  return parseImageManifest(JSON.stringify(document));
}

function withApp(fields: object): object {
  return { ...HEAD, app: { user: '0', group: '0', ...fields } };
}

describe('parseImageManifest()', () => {
  it('reads every field of the specification', () => {
    expect(parse(FULL)).toEqual(FULL);
  });

  it('reads the least there can be', () => {
    expect(parse(HEAD)).toEqual(HEAD);
    expect(parse(withApp({}))).toEqual(withApp({}));
  });

  it('knows the two letters that Go takes for an s and a k', () => {
    expect(parse({ ...HEAD, app: { 'u\u017fer': '0', group: '0' } })).toEqual(withApp({}));
    const { acKind, ...rest } = HEAD;
    expect(parse({ ...rest, 'ac\u212aind': acKind })).toEqual(HEAD);
  });

  it('reads what Go writes for what was not set', () => {
    const ports = [{ name: 'a', protocol: 'tcp', port: 1 }];

    expect(
      parse({
        ...withApp({ exec: null, workingDirectory: '', ports: [{ ...ports[0], count: 0 }] }),
        labels: null,
        dependencies: null,
      }),
    ).toEqual(withApp({ ports }));
  });

  it.each([
    ['{', 'cannot read image manifest: not JSON'],
    ['\ufeff{}', 'cannot read image manifest: not JSON'],
    ['null', '(document): must be an object'],
    ['[]', '(document): must be an object'],
    ['{}', 'acKind: is required; acVersion: is required'],
  ])('refuses %j', (json, message) => {
    expect(() => parseImageManifest(json)).toThrow(
      expect.objectContaining({
        code: 'IMAGE_MANIFEST_INVALID',
        message: expect.stringContaining(message),
      }),
    );
  });

  it.each([
    [{ acKind: 'PodManifest' }, 'acKind: must be "ImageManifest", not "PodManifest"'],
    [{ acKind: 'imagemanifest' }, 'acKind: must be "ImageManifest"'],
    [
      { acVersion: '1.0.0', name: '' },
      'acVersion: is "1.0.0", of a newer major version than 0.8.11',
    ],
    [{ acVersion: 1 }, 'acVersion: must be text'],
    [{ name: 'Example.com/a' }, 'name: must be lower-case letters and digits'],
    [{ labels: {} }, 'labels: must be a list'],
    [{ labels: [{ name: 'a' }] }, 'labels[0].value: is required'],
    [
      { labels: [{ name: 'name', value: 'a' }] },
      'labels[0].name: a label must not be called "name"',
    ],
    [{ dependencies: [{}] }, 'dependencies[0].imageName: is required'],
    [
      { dependencies: [{ imageName: 'a', imageID: 'sha512-x' }] },
      'dependencies[0].imageID: must be',
    ],
    [
      { dependencies: [{ imageName: 'a', size: -1 }] },
      'dependencies[0].size: must be a whole number',
    ],
    [{ pathWhitelist: ['bin'] }, 'pathWhitelist[0]: must be an absolute path, not "bin"'],
    [{ pathWhitelist: ['/a\0b'] }, 'pathWhitelist[0]: must be an absolute path, not "/a\\u0000b"'],
    [{ annotations: [{ name: 'created', value: 'now' }] }, 'annotations[0].value: must be a time'],
    [
      { annotations: [{ name: 'homepage', value: 'ftp://a' }] },
      'annotations[0].value: must be an http',
    ],
    [
      { annotations: [{ name: 'documentation', value: 'http://' }] },
      'annotations[0].value: must be',
    ],
    [
      {
        annotations: [
          { name: 'a', value: '' },
          { name: 'a', value: '' },
        ],
      },
      'annotations[1].name: "a" is given twice',
    ],
    [
      {
        labels: [
          { name: 'version', value: '1' },
          { name: 'os', value: 'beos' },
        ],
      },
      'labels[1].value: os must be one of linux, freebsd, darwin',
    ],
    [
      {
        labels: [
          { name: 'arch', value: 'z80' },
          { name: 'os', value: 'linux' },
        ],
      },
      'labels[0].value: arch for linux must be one of',
    ],
    [
      {
        labels: [
          { name: 'a', value: '1' },
          { name: 'a', value: '2' },
        ],
      },
      'labels[1].name: label "a" is given twice',
    ],
  ])('refuses %j', (fields, message) => {
    expect(() => parse({ ...HEAD, ...fields })).toThrow(`cannot read image manifest: ${message}`);
  });

  it.each([
    [{ user: '' }, 'app.user: must be text without NUL or half a character, and not empty'],
    [{ user: null }, 'app.user: is required'],
    [{ group: 0 }, 'app.group: must be text'],
    [{ exec: '/bin/sh' }, 'app.exec: must be a list'],
    [{ exec: ['/bin/sh', 'a\0b'] }, 'app.exec[1]: must be text without NUL'],
    [{ exec: ['/bin/sh', 'a\ud800'] }, 'app.exec[1]: must be text without NUL or half'],
    [{ workingDirectory: '/\udc00' }, 'app.workingDirectory: must be an absolute path'],
    [{ supplementaryGIDs: [-1] }, 'app.supplementaryGIDs[0]: must be a whole number'],
    [{ supplementaryGIDs: [4_294_967_295] }, 'app.supplementaryGIDs[0]: must be a whole number'],
    [{ workingDirectory: 'opt' }, 'app.workingDirectory: must be an absolute path, not "opt"'],
    [
      { eventHandlers: [{ name: 'start', exec: ['a'] }] },
      'app.eventHandlers[0].name: must be "pre-',
    ],
    [
      { eventHandlers: [{ name: 'pre-start', exec: [] }] },
      'app.eventHandlers[0].exec: must not be',
    ],
    [
      {
        eventHandlers: [
          { name: 'pre-start', exec: ['a'] },
          { name: 'pre-start', exec: ['b'] },
        ],
      },
      'app.eventHandlers[1].name: "pre-start" is given twice',
    ],
    [{ environment: [{ name: '1A', value: '' }] }, 'app.environment[0].name: must be letters'],
    [{ environment: [{ name: 'A=B', value: '' }] }, 'app.environment[0].name: must be letters'],
    [
      { environment: [{ name: 'A', value: '\0' }] },
      'app.environment[0].value: must be text without',
    ],
    [
      {
        environment: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
        ],
      },
      'app.environment[1].name: "A" is given twice',
    ],
    [
      { mountPoints: [{ name: 'a', path: 'b' }] },
      'app.mountPoints[0].path: must be an absolute path',
    ],
    [{ mountPoints: [{ name: 'A', path: '/b' }] }, 'app.mountPoints[0].name: must be lower-case'],
    [
      {
        mountPoints: [
          { name: 'a', path: '/a' },
          { name: 'a', path: '/b' },
        ],
      },
      'app.mountPoints[1].name: "a" is given twice',
    ],
    [
      { ports: [{ name: 'a', protocol: 'tcp', port: 0 }] },
      'app.ports[0].port: must be a whole number',
    ],
    [
      { ports: [{ name: 'a', protocol: 'tcp', port: 65_536 }] },
      'app.ports[0].port: must be a whole',
    ],
    [
      { ports: [{ name: 'a', protocol: 'tcp', port: '80' }] },
      'app.ports[0].port: must be a number',
    ],
    [{ ports: [{ name: 'a', port: 80 }] }, 'app.ports[0].protocol: is required'],
    [
      { ports: [{ name: 'a', protocol: 'tcp', port: 65_535, count: 2 }] },
      'app.ports[0].count: makes the last port 65536',
    ],
    [
      {
        ports: [
          { name: 'a', protocol: 'tcp', port: 1 },
          { name: 'a', protocol: 'udp', port: 1 },
        ],
      },
      'app.ports[1].name: "a" is given twice',
    ],
    [{ isolators: [{ name: 'resource/cpu' }] }, 'app.isolators[0].value: is required'],
    [
      { isolators: [{ name: 'resource/cpu', value: { limit: 'much' } }] },
      'app.isolators[0].value.limit: must be a quantity such as 1500, 0.5, 250m, 2G or 512Mi, not "much"',
    ],
    [{ userLabels: { a: 1 } }, 'app.userLabels.a: must be text'],
  ])('refuses an app with %j', (fields, message) => {
    expect(() => parse(withApp(fields))).toThrow(`cannot read image manifest: ${message}`);
  });

  it('names several places, and no more than five', () => {
    const labels = Array.from({ length: 100_000 }, () => 1);

    const read = (): ImageManifest => parse({ ...HEAD, labels, name: 1 });

    expect(read).toThrow(/^cannot read image manifest: name: must be text; labels\[0\]: must be/);
    expect(read).not.toThrow('labels[4]');
  });

  it('does not take long over a hundred thousand annotations of one name', () => {
    const annotations = Array.from({ length: 100_000 }, () => ({ name: 'a', value: '' }));
    const json = JSON.stringify({ ...HEAD, annotations });

    const start = performance.now();
    expect(() => parseImageManifest(json)).toThrow('annotations[1].name: "a" is given twice');
    expect(performance.now() - start).toBeLessThan(3000);
  });
});

describe('formatImageManifest()', () => {
  it('writes what was read, unknown fields in their places', () => {
    const json = JSON.stringify({
      x: 1,
      ...FULL,
      app: { ...FULL.app, restart: { policy: null }, Ports2: [] },
      Labels2: [[[]]],
    });

    expect(formatImageManifest(parseImageManifest(json))).toBe(json);
  });

  it('writes a field under its proper name', () => {
    expect(formatImageManifest(parse({ ...HEAD, PATHwhitelist: ['/a'] }))).toBe(
      JSON.stringify({ ...HEAD, pathWhitelist: ['/a'] }),
    );
  });

  it('leaves out what is undefined', () => {
    expect(formatImageManifest({ ...parse(HEAD), app: undefined })).toBe(JSON.stringify(HEAD));
  });

  it('indents when asked', () => {
    expect(formatImageManifest(parse(HEAD), { pretty: true })).toContain(
      '{\n\t"acKind": "ImageManifest",\n\t',
    );
  });

  it('writes nothing that it would not read', () => {
    expect(() => formatImageManifest({ ...parse(HEAD), pathWhitelist: ['a'] })).toThrow(
      'pathWhitelist[0]: must be an absolute path',
    );
  });
});
