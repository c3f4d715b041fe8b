import {
  array,
  assert,
  constantFrom,
  option,
  property,
  string,
  stringMatching,
  tuple,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../test/helpers/code-of.ts';
import { formatRegistryReference } from './oci-reference.ts';
import { parseReference } from './parse-reference.ts';
import type { Reference } from './reference.ts';

const parse = (text: string): Reference => parseReference(text, { fileExists: () => false });
const sha256 = `sha256:${'a1'.repeat(32)}`;
const sha512 = `sha512:${'b2'.repeat(64)}`;

describe('parseReference(), of images in registries', () => {
  it.each([
    ['docker://docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['docker://index.docker.io/a/b:1', 'docker.io/a/b:1'],
    ['docker://localhost/x', 'localhost/x:latest'],
    ['docker://localhost:5000/x:y', 'localhost:5000/x:y'],
    ['docker://Registry.Example.com/x', 'registry.example.com/x:latest'],
    ['docker://[::1]:5000/a', '[::1]:5000/a:latest'],
    ['docker://r.example/a__b/c-d.e:V1_2.3', 'r.example/a__b/c-d.e:V1_2.3'],
    [`docker://r.example/a@${sha256}`, `r.example/a@${sha256}`],
    [`docker://r.example/a:t@${sha512}`, `r.example/a:t@${sha512}`],
    ['docker:r.example/a', 'r.example/a:latest'],
    ['DOCKER://r.example/a', 'r.example/a:latest'],
    ['cimd:docker:v=0:r.example%2Fa%3A1', 'r.example/a:1'],
    ['docker://nginx', 'nginx:latest'],
    ['docker://team/nginx:1', 'team/nginx:1'],
  ])('reads "%s"', (text, expected) => {
    const reference = parse(text);

    expect(reference).toMatchObject({ kind: 'registry', text });
    expect(reference.kind === 'registry' && formatRegistryReference(reference)).toBe(expected);
  });

  it('leaves the host of a short name open', () => {
    expect(parse('docker://team/nginx')).toMatchObject({ host: undefined, digest: undefined });
  });

  it.each([
    'docker:',
    'docker://',
    'docker:///x',
    'docker://r.example/',
    'docker://r.example/A',
    'docker://r.example/a//b',
    'docker://r.example/a/../b',
    'docker://r.example/a_-b',
    'docker://r.example/a:',
    'docker://r.example/a:-x',
    `docker://r.example/a:${'x'.repeat(129)}`,
    'docker://r.example/a@sha256:ab',
    `docker://r.example/a@${sha256.toUpperCase()}`,
    `docker://r.example/a@${sha256}@${sha256}`,
    `docker://r.example/a@md5:${'0'.repeat(32)}`,
    'docker://r.example:0/a',
    'docker://r.example:70000/a',
    'docker://-r.example/a',
    'docker://user:pw@r.example/a',
    'docker://r.example/a b',
    'docker://r.example/a?b=c',
    `docker://r.example/${'a'.repeat(256)}`,
  ])('rejects "%s"', (text) => {
    expect(codeOf(() => parse(text))).toBe('IMAGE_REFERENCE_INVALID');
  });

  it('reads again what it writes, and changes nothing by that', () => {
    const part = stringMatching(/^[a-z0-9]{1,5}(?:(?:[._]|__|-{1,3})[a-z0-9]{1,5}){0,2}$/);
    const host = constantFrom('r.example', 'localhost', 'r.example:5000', '127.0.0.1:1', '[::1]');
    const tag = stringMatching(/^\w[\w.-]{0,20}$/);
    const parts = tuple(
      host,
      array(part, { minLength: 1, maxLength: 4 }),
      option(tag),
      option(constantFrom(sha256, sha512)),
    );
    assert(
      property(parts, ([at, path, maybeTag, digest]) => {
        const tagged = maybeTag ?? (digest === null ? 'latest' : undefined);
        const end = `${tagged === undefined ? '' : `:${tagged}`}${digest === null ? '' : `@${digest}`}`;
        const text = `${at}/${path.join('/')}${end}`;
        const reference = parse(`docker://${text}`);
        expect(reference.kind === 'registry' && formatRegistryReference(reference)).toBe(text);
      }),
    );
  });

  it('says something of ours about any text', () => {
    assert(property(string(), (text) => void codeOf(() => parse(`docker://${text}`))));
    assert(property(string(), (text) => void codeOf(() => parse(`oci:${text}`))));
  });
});

describe('parseReference(), of images on this machine', () => {
  it.each([
    ['oci:dir', { form: 'oci', path: 'dir', name: undefined }],
    ['oci:/a/dir:1.0', { form: 'oci', path: '/a/dir', name: '1.0' }],
    ['oci:dir:r.example/a:1', { form: 'oci', path: 'dir', name: 'r.example/a:1' }],
    ['oci-archive:a.tar', { form: 'oci-archive', path: 'a.tar', name: undefined }],
    ['docker-archive:../a.tar:b:1', { form: 'docker-archive', path: '../a.tar', name: 'b:1' }],
  ])('reads "%s"', (text, expected) => {
    expect(parse(text)).toEqual({ kind: 'local', text, ...expected });
  });

  it.each(['oci:', 'oci::tag', 'oci:dir:', 'oci:dir:a b', 'oci-archive:a:-x', 'oci:a\0b'])(
    'rejects "%s"',
    (text) => {
      expect(codeOf(() => parse(text))).toBe('IMAGE_REFERENCE_INVALID');
    },
  );
});
