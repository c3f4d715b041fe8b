import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OciDigest } from '#schema/oci/digest';
import { parseRegistryReference } from '../reference/oci-reference.ts';
import { readSignaturePlaces } from './lookaside.ts';

const HEX = 'a'.repeat(64);

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-lookaside-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const write = (name: string, text: string): void => writeFileSync(join(dir, name), text);
const placeOf = (text: string): string | undefined =>
  readSignaturePlaces([dir, join(dir, 'none')])
    .placeOf(parseRegistryReference(text, text), `sha256:${HEX}` as OciDigest)
    ?.toString();

describe('readSignaturePlaces()', () => {
  it('finds the narrowest place, in all files', () => {
    write('a.yaml', 'docker:\n  example.com:\n    lookaside: https://sig.example.com/all/\n');
    write(
      'b.yaml',
      'docker:\n  example.com/team:\n    sigstore: file:///srv/sig\n  example.com/bare: {}\n',
    );
    write('c.yml', 'docker:\n  other.com:\n    lookaside: https://not.read\n');
    write('empty.yaml', '');

    expect(placeOf('example.com/a/b:1')).toBe(`https://sig.example.com/all/a/b@sha256=${HEX}`);
    expect(placeOf('example.com/team/app')).toBe(`file:///srv/sig/team/app@sha256=${HEX}`);
    expect(placeOf('example.com/bare')).toBeUndefined();
    expect(placeOf('other.com/a')).toBeUndefined();
    write('d.yaml', 'default-docker:\n  lookaside: http://localhost:1/s\n');
    expect(placeOf('other.com/a')).toBe(`http://localhost:1/s/a@sha256=${HEX}`);
  });

  it.each([
    ['two files that say it of one', 'docker:\n  a.com:\n    lookaside: https://a\n', 'two files'],
    ['no YAML', 'docker: [\n', 'line'],
    ['a doubled name', 'docker: {}\ndocker: {}\n', 'line 2'],
    ['no URL', 'docker:\n  b.com:\n    lookaside: nowhere\n', 'must be a URL'],
    ['another scheme', 'docker:\n  b.com:\n    lookaside: ftp://a\n', 'http, https or file'],
    ['an alias', 'a: &a [1]\ndocker: *a\n', 'lias'],
  ])('refuses %s', (_what, text, message) => {
    write('a.yaml', 'docker:\n  a.com:\n    lookaside: https://a\n');
    write('z.yaml', text);
    expect(() => placeOf('x.com/a')).toThrow(message);
  });

  it('reads no folder that is not there', () => {
    mkdirSync(join(dir, 'x.yaml.d'));
    expect(placeOf('x.com/a')).toBeUndefined();
  });
});
