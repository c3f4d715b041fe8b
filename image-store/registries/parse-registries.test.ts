import { describe, expect, it } from 'vitest';
import { parseRegistries } from './parse-registries.ts';

const parse = (...lines: readonly string[]) => parseRegistries(lines.join('\n'), '/r.conf');

describe('parseRegistries()', () => {
  it('reads all that the form has', () => {
    const file = parse(
      'unqualified-search-registries = ["Reg.example", "localhost:5000"]',
      'short-name-mode = "enforcing"',
      'credential-helpers = ["containers-auth.json", "ecr-login"]',
      'other = ["x"]',
      '[aliases]',
      '"app" = "reg.example/team/app"',
      '"__proto__" = "reg.example/a"',
      'gone = ""',
      '[[registry]]',
      'prefix = "reg.example/Team/"'.replace('Team', 'team'),
      'location = "[::1]:5000/team"',
      'insecure = true',
      'mirror-by-digest-only = true',
      'strange = 1',
      '[[registry.mirror]]',
      'location = "m.example:5000"',
      'insecure = true',
      '[[registry]]',
      'prefix = "*.domain.example"',
      'blocked = true',
      'mirror = [{location = "a.example/x", pull-from-mirror = "tag-only"}, {location = "b.example"}]',
      '[[registry]]',
      'prefix = ""',
      'location = "index.docker.io"',
    );

    expect(file.search).toEqual(['reg.example', 'localhost:5000']);
    expect(file.shortNames).toBe('enforcing');
    expect(file.credentialHelpers).toEqual(['containers-auth.json', 'ecr-login']);
    expect(file.aliases.get('app')).toBe('reg.example/team/app');
    expect(file.aliases.get('gone')).toBe('');
    expect(file.unknown).toEqual(['other', 'strange']);
    expect(file.tables).toMatchObject([
      {
        prefix: 'reg.example/team',
        location: '[::1]:5000/team',
        insecure: true,
        blocked: false,
        mirrors: [{ location: 'm.example:5000', insecure: true, pullFrom: 'digest-only' }],
        source: '"/r.conf", line 9',
      },
      {
        prefix: '*.domain.example',
        location: undefined,
        blocked: true,
        mirrors: [
          { location: 'a.example/x', pullFrom: 'tag-only' },
          { location: 'b.example', pullFrom: 'all' },
        ],
        source: '"/r.conf", line 18',
      },
      { prefix: 'docker.io', location: 'docker.io' },
    ]);
    expect(Object.prototype).not.toHaveProperty('polluted');
  });

  it('says nothing where the file says nothing', () => {
    expect(parse('# nothing')).toEqual({
      search: undefined,
      shortNames: undefined,
      credentialHelpers: undefined,
      aliases: new Map(),
      tables: [],
      unknown: [],
    });
    expect(parse('short-name-mode = ""').shortNames).toBeUndefined();
  });

  it('keeps tables that are called as what all objects share to themselves', () => {
    parse('[__proto__]', 'polluted = 1', '[a.__proto__.b]', 'polluted = 1');
    expect({}).not.toHaveProperty('polluted');
  });

  it.each<[string, number, readonly string[]]>([
    ['it is not TOML', 2, ['# first', 'search = [']],
    ['it is not TOML', 2, ['short-name-mode = ""', 'short-name-mode = ""']],
    ['nested too deeply', 1, [`a = ${'['.repeat(50_000)}${']'.repeat(50_000)}`]],
    ['the form of version 1', 2, ['', '[registries.search]', 'registries = ["reg.example"]']],
    ['must be a list of registries', 1, ['unqualified-search-registries = "reg.example"']],
    ['must be text', 3, ['unqualified-search-registries = [', '"reg.example",', '5]']],
    ['HOST[:PORT] alone', 1, ['unqualified-search-registries = ["reg.example/team"]']],
    ['must begin with a host', 1, ['unqualified-search-registries = ["registry"]']],
    ['"enforcing", "permissive" or', 1, ['short-name-mode = "ask"']],
    ['must be [[registry]]', 1, ['[registry]', 'location = "reg.example"']],
    ['must have a "location"', 2, ['', '[[registry]]', 'prefix = "reg.example"']],
    ['must have a "location"', 1, ['[[registry]]', 'blocked = true']],
    ['must not have a scheme', 2, ['[[registry]]', 'location = "https://reg.example"']],
    ['must be a place', 2, ['[[registry]]', 'location = "*.example"']],
    ['*.DOMAIN', 2, ['[[registry]]', 'prefix = "*.example/team"', 'location = "a.example"']],
    ['is no host', 3, ['[[registry]]', 'location = "a.b"', 'prefix = "a.b/UPPER"']],
    ['true or false', 3, ['[[registry]]', 'location = "a.b"', 'insecure = "yes"']],
    [
      'stands in it twice',
      3,
      ['[[registry]]', 'location = "a.b"', '[[registry]]', 'location = "A.b/"'],
    ],
    ['for a mirror to say', 3, ['[[registry]]', 'location = "a.b"', 'pull-from-mirror = "all"']],
    ['a "location"', 3, ['[[registry]]', 'location = "a.b"', 'mirror = ["m.example"]']],
    [
      'must not be empty',
      4,
      ['[[registry]]', 'location = "a.b"', '[[registry.mirror]]', 'location = ""'],
    ],
    [
      '"digest-only" or',
      3,
      [
        '[[registry]]',
        'location = "a.b"',
        'mirror = [{location = "m.b", pull-from-mirror = "no"}]',
      ],
    ],
    [
      'either "mirror-by-digest-only"',
      1,
      [
        '[[registry]]',
        'location = "a.b"',
        'mirror-by-digest-only = true',
        'mirror = [{location = "m.b", pull-from-mirror = "all"}]',
      ],
    ],
    ['the name of a helper', 1, ['credential-helpers = ["/bin/sh"]']],
    ['without a registry', 2, ['[aliases]', '"a.b/app" = "a.b/app"']],
    ['without tag', 2, ['[aliases]', '"app:1" = "a.b/app"']],
    ['must be HOST', 3, ['[aliases]', 'a = "a.b/app"', 'app = "team/app"']],
    ['must be HOST', 2, ['[aliases]', 'app = "a.b/app:1"']],
    ['must be text', 2, ['[aliases]', 'app = 1']],
  ])('refuses what %s, line %i', (message, line, lines) => {
    expect(() => parse(...lines)).toThrow(
      expect.objectContaining({
        code: 'REGISTRIES_INVALID',
        message: expect.stringMatching(
          new RegExp(`"/r.conf", line ${line}: .*${message.replaceAll(/[[\]*.]/g, '\\$&')}`),
        ) as unknown,
      }) as Error,
    );
  });
});
