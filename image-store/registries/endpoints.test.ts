import { describe, expect, it } from 'vitest';
import { formatRegistryReference, parseRegistryReference } from '../reference/oci-reference.ts';
import { endpointsOf } from './endpoints.ts';
import { parseRegistries } from './parse-registries.ts';
import type { Registries } from './registries.ts';
import { candidatesOf } from './short-names.ts';

const registries = (...lines: readonly string[]): Registries => {
  const {
    search = [],
    shortNames = 'permissive',
    aliases,
    tables,
  } = parseRegistries(lines.join('\n'), '/r.conf');
  const byPrefix = new Map(tables.map((table) => [table.prefix, table]));
  return {
    search,
    shortNames,
    aliases,
    tables: byPrefix,
    path: '/r.conf',
    credentialHelpers: undefined,
  };
};
const read = (text: string) => parseRegistryReference(`docker://${text}`, text);
const DIGEST = `sha256:${'0'.repeat(64)}`;

/** The places in order, `!` before insecure ones. */
const places = (from: Registries, text: string): readonly string[] =>
  endpointsOf(from, read(text)).map(
    ({ image, insecure }) => `${insecure ? '!' : ''}${formatRegistryReference(image)}`,
  );

describe('endpointsOf()', () => {
  it('leaves an image where it is when nothing is said of it', () => {
    const some = registries('[[registry]]', 'location = "reg.example/team"', 'insecure = true');
    expect(places(some, 'reg.example/teams/app')).toEqual(['reg.example/teams/app:latest']);
    expect(places(some, 'reg.example:5000/team/app')).toEqual(['reg.example:5000/team/app:latest']);
    expect(places(some, 'reg.example/team/app')).toEqual(['!reg.example/team/app:latest']);
  });

  it('asks the mirrors first, in their order, of the longest prefix', () => {
    const some = registries(
      '[[registry]]',
      'prefix = "docker.io"',
      'location = "wide.example/hub"',
      '[[registry]]',
      'prefix = "docker.io/library"',
      'location = "registry-2.example:5000"',
      '[[registry.mirror]]',
      'location = "m1.example/a/b"',
      '[[registry.mirror]]',
      'location = "localhost:5000"',
      'insecure = true',
      '[[registry]]',
      'prefix = "docker.io/library/redis:7"',
      'location = "r.example/redis:seven"',
    );
    expect(places(some, 'docker.io/nginx:1')).toEqual([
      'm1.example/a/b/nginx:1',
      '!localhost:5000/nginx:1',
      'registry-2.example:5000/nginx:1',
    ]);
    expect(places(some, 'docker.io/team/app')).toEqual(['wide.example/hub/team/app:latest']);
    expect(places(some, 'docker.io/redis:7')).toEqual(['r.example/redis:seven']);
    expect(places(some, `docker.io/redis:7@${DIGEST}`)).toEqual([
      `r.example/redis:seven@${DIGEST}`,
    ]);
  });

  it('asks a mirror for what it is for alone', () => {
    const some = registries(
      '[[registry]]',
      'location = "reg.example"',
      'mirror = [{location = "d.example", pull-from-mirror = "digest-only"}, {location = "t.example", pull-from-mirror = "tag-only"}]',
      '[[registry]]',
      'location = "old.example"',
      'mirror-by-digest-only = true',
      'mirror = [{location = "m.example"}]',
    );
    expect(places(some, 'reg.example/a:1')).toEqual(['t.example/a:1', 'reg.example/a:1']);
    expect(places(some, `reg.example/a@${DIGEST}`)).toEqual([
      `d.example/a@${DIGEST}`,
      `reg.example/a@${DIGEST}`,
    ]);
    expect(places(some, 'old.example/a:1')).toEqual(['old.example/a:1']);
    expect(places(some, `old.example/a:1@${DIGEST}`)).toHaveLength(2);
  });

  it('knows whole domains', () => {
    const some = registries(
      '[[registry]]',
      'prefix = "*.corp.example"',
      'insecure = true',
      'mirror = [{location = "m.example/corp"}]',
    );
    expect(places(some, 'a.b.corp.example/x:1')).toEqual([
      'm.example/corp/x:1',
      '!a.b.corp.example/x:1',
    ]);
    expect(places(some, 'a.corp.example.corp.example/x:1')[0]).toBe('m.example/corp/x:1');
    expect(places(some, 'corp.example/x:1')).toEqual(['corp.example/x:1']);
    const error = expect.objectContaining({
      code: 'REGISTRIES_INVALID',
      message: expect.stringContaining('it would be at "m.example/corp:5000/x:1"') as unknown,
    }) as Error;
    expect(() => places(some, 'a.corp.example:5000/x:1')).toThrow(error);
  });

  it('asks nobody who is blocked', () => {
    const some = registries(
      '[[registry]]',
      'location = "bad.example"',
      'blocked = true',
      '[[registry]]',
      'location = "far.example"',
      'blocked = true',
      'mirror = [{location = "bad.example/m"}, {location = "near.example"}]',
      '[[registry]]',
      'prefix = "moved.example"',
      'location = "bad.example/moved"',
      'blocked = true',
    );
    const blocked = (text: string) =>
      expect(() => places(some, text)).toThrow(
        expect.objectContaining({
          code: 'REGISTRY_BLOCKED',
          hint: expect.stringContaining('"/r.conf", line ') as unknown,
        }) as Error,
      );
    blocked('bad.example/a');
    blocked('moved.example/a');
    expect(places(some, 'far.example/a:1')).toEqual(['near.example/a:1']);
  });
});

describe('candidatesOf()', () => {
  const names = (from: Registries, text: string): readonly string[] =>
    candidatesOf(from, read(text)).map(formatRegistryReference);

  it('takes an alias before all registries, and all of those in order', () => {
    const lines = [
      'unqualified-search-registries = ["docker.io", "reg.example:5000"]',
      '[aliases]',
      '"team/app" = "quay.example/x/app"',
    ];
    const some = registries(...lines);
    expect(names(some, `team/app:2@${DIGEST}`)).toEqual([`quay.example/x/app:2@${DIGEST}`]);
    expect(names(some, 'app')).toEqual([
      'docker.io/library/app:latest',
      'reg.example:5000/app:latest',
    ]);
    expect(candidatesOf(some, read('app'))[0]?.text).toBe('docker://docker.io/app:latest');
    expect(names(registries('short-name-mode = "disabled"', ...lines), 'app')).toHaveLength(2);
  });

  it('does not choose where it must not, nor where nothing is said', () => {
    const strict = 'short-name-mode = "enforcing"';
    const two = registries(strict, 'unqualified-search-registries = ["a.b", "c.d"]');
    expect(() => names(two, 'app')).toThrow(
      expect.objectContaining({ code: 'IMAGE_NAME_AMBIGUOUS' }) as Error,
    );
    const one = registries(strict, 'unqualified-search-registries = ["a.b"]');
    expect(names(one, 'app:1')).toEqual(['a.b/app:1']);
    expect(() => names(registries(), 'app')).toThrow(
      expect.objectContaining({
        code: 'IMAGE_NAME_SHORT',
        hint: expect.stringContaining(
          'docker://docker.io/library/app, or say in "/r.conf"',
        ) as unknown,
      }) as Error,
    );
  });
});
