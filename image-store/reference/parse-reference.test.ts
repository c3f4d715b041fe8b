import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../test/helpers/code-of.ts';
import { hostLabels } from '#schema/types/labels';
import { formatImageName, parseImageName } from './image-name.ts';
import { parseReference } from './parse-reference.ts';

const { os, arch } = hostLabels();
const host = [
  { name: 'os', value: os },
  { name: 'arch', value: arch },
];
const noFiles = { fileExists: (): boolean => false };

describe('parseReference()', () => {
  it.each([
    ['sha512-ab', { kind: 'hash', prefix: 'sha512-ab' }],
    ['sha256-ab', { kind: 'hash', prefix: 'sha256-ab' }],
    ['/a/b:c', { kind: 'path', path: '/a/b:c' }],
    ['./x', { kind: 'path', path: './x' }],
    ['../x.aci', { kind: 'path', path: '../x.aci' }],
    ['x.aci', { kind: 'path', path: 'x.aci' }],
    ['file:///a/b.aci', { kind: 'path', path: '/a/b.aci' }],
    ['cimd:aci-archive:v=0:file%3A%2F%2F%2Fa%2Fb.aci', { kind: 'path', path: '/a/b.aci' }],
  ])('reads "%s"', (text, expected) => {
    expect(parseReference(text, noFiles)).toEqual({ text, ...expected });
  });

  it.each([
    ['example.com/app', 'example.com/app', []],
    ['example.com/app:v1', 'example.com/app', [{ name: 'version', value: 'v1' }]],
    ['app:v1', 'app', [{ name: 'version', value: 'v1' }]],
    [
      'example.com:1,channel=a:b',
      'example.com',
      [
        { name: 'version', value: '1' },
        { name: 'channel', value: 'a:b' },
      ],
    ],
    [
      'cimd:appc:v=0:example.com%2Fapp?version=1',
      'example.com/app',
      [{ name: 'version', value: '1' }],
    ],
  ])('reads the name "%s" and adds the labels of the host', (text, name, labels) => {
    expect(parseReference(text, noFiles)).toEqual({
      kind: 'name',
      text,
      name,
      labels: [...labels, ...host],
    });
  });

  it('keeps the labels that were asked for', () => {
    const reference = parseReference('a,os=linux,arch=aarch64', noFiles);

    expect(reference).toMatchObject({
      labels: [
        { name: 'os', value: 'linux' },
        { name: 'arch', value: 'aarch64' },
      ],
    });
  });

  it('takes a word that names a file for that file', () => {
    const options = { fileExists: (path: string): boolean => path === 'app' };

    expect(parseReference('app', options).kind).toBe('path');
    expect(parseReference('app2', options).kind).toBe('name');
  });

  it('reads an URL of an archive', () => {
    const reference = parseReference('HTTPS://me:secret@Example.com/a.aci?x=1', noFiles);

    expect(reference.kind === 'url' && reference.url.href).toBe(
      'https://me:secret@example.com/a.aci?x=1',
    );
  });

  it.each([
    ['', 'IMAGE_REFERENCE_INVALID'],
    ['sha512-a', 'IMAGE_REFERENCE_INVALID'],
    ['sha512-XY', 'IMAGE_REFERENCE_INVALID'],
    ['https://example.com/app.tar', 'IMAGE_REFERENCE_INVALID'],
    ['https:///', 'IMAGE_REFERENCE_INVALID'],
    ['file://other/a.aci', 'IMAGE_REFERENCE_INVALID'],
    ['file:///a', 'IMAGE_REFERENCE_INVALID'],
    ['app:1:2', 'IMAGE_REFERENCE_INVALID'],
    ['app:', 'IMAGE_REFERENCE_INVALID'],
    ['app,version', 'IMAGE_REFERENCE_INVALID'],
    ['app,=x', 'IMAGE_REFERENCE_INVALID'],
    ['app,a=', 'IMAGE_REFERENCE_INVALID'],
    ['app:1,version=2', 'LABEL_INVALID'],
    ['app,name=x', 'LABEL_INVALID'],
    ['app,os=plan9', 'LABEL_INVALID'],
    ['UPPER', 'IDENTIFIER_INVALID'],
    ['sha256-a', 'IMAGE_REFERENCE_INVALID'],
    [`sha256-${'a'.repeat(65)}`, 'IMAGE_REFERENCE_INVALID'],
    ['ftp://example.com/a.aci', 'IMAGE_REFERENCE_UNSUPPORTED'],
    ['cimd:oci:v=0:busybox', 'IMAGE_REFERENCE_UNSUPPORTED'],
    ['cimd:appc:v=1:a', 'IMAGE_REFERENCE_INVALID'],
    ['cimd:aci-archive:v=0:%zz', 'IMAGE_REFERENCE_INVALID'],
  ])('rejects "%s"', (text, code) => {
    expect(codeOf(() => parseReference(text, noFiles))).toBe(code);
  });

  it('says something of ours about any text', () => {
    assert(
      property(string(), (text) => {
        codeOf(() => parseReference(text, noFiles));
      }),
    );
  });
});

describe('formatImageName()', () => {
  it('writes what parseImageName() reads', () => {
    const text = `example.com/app:1.0,channel=x,os=${os},arch=${arch}`;

    expect(formatImageName(parseImageName(text))).toBe(text);
  });
});
