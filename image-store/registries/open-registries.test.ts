import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog, nullLog } from '#base/log/log';
import { openRegistries } from './open-registries.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'registries-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const put = (path: string, ...lines: readonly string[]): void => {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), lines.join('\n'));
};
const open = async () =>
  await openRegistries([join(dir, 'vendor'), join(dir, 'etc'), join(dir, 'user')], nullLog);

describe('openRegistries()', () => {
  it('knows of nothing where there is no file', async () => {
    expect(await open()).toEqual({
      search: [],
      shortNames: 'permissive',
      credentialHelpers: undefined,
      aliases: new Map(),
      tables: new Map(),
      path: join(dir, 'user', 'registries.conf'),
    });
  });

  it('takes the last main file and all that adds to it, the later over the earlier', async () => {
    put('vendor/registries.conf', 'short-name-mode = "enforcing"', '[aliases]', 'no = "v.b/no"');
    put('vendor/registries.conf.d/1.conf', '[aliases]', 'a = "v.b/a"', 'b = "v.b/b"');
    put(
      'etc/registries.conf',
      'unqualified-search-registries = ["main.example"]',
      '[[registry]]',
      'location = "reg.example"',
      'insecure = true',
      '[aliases]',
      'b = "m.b/b"',
      'c = "m.b/c"',
    );
    put(
      'etc/registries.conf.d/2.conf',
      'unqualified-search-registries = []',
      '[aliases]',
      'c = ""',
    );
    put('etc/registries.conf.d/1.conf', 'unqualified-search-registries = ["one.example"]');
    put('etc/registries.conf.d/3.txt', 'not read');
    put('user/registries.conf.d/1.conf', '[[registry]]', 'location = "reg.example"');

    const { search, shortNames, aliases, tables } = await open();
    expect(search).toEqual([]);
    expect(shortNames).toBe('permissive');
    expect(Object.fromEntries(aliases)).toEqual({ a: 'v.b/a', b: 'm.b/b' });
    expect([...tables.values()]).toMatchObject([{ prefix: 'reg.example', insecure: false }]);
  });

  it('tells of keys that are not known', async () => {
    put('etc/registries.conf', 'colour = "blue"');
    const told: string[] = [];
    const log = createLog(({ level, message }) => void told.push(`${level}: ${message}`));
    await openRegistries([join(dir, 'etc')], log);
    expect(told).toEqual([
      `debug: not known, and passed over, in "${join(dir, 'etc/registries.conf')}": "colour"`,
    ]);
  });

  it('refuses files that cannot be read, or that are not of one mind', async () => {
    mkdirSync(join(dir, 'etc/registries.conf'), { recursive: true });
    await expect(open()).rejects.toThrow(/etc\/registries.conf": it is a directory/);
    rmSync(join(dir, 'etc/registries.conf'), { recursive: true });
    put('etc/registries.conf.d', 'a file');
    await expect(open()).rejects.toThrow(/registries.conf.d": a part of the path/);
    rmSync(join(dir, 'etc/registries.conf.d'));
    put('etc/registries.conf', '\xff\u0000');
    await expect(open()).rejects.toMatchObject({ code: 'REGISTRIES_INVALID' });
    put(
      'etc/registries.conf',
      '[[registry]]',
      'location = "a.b"',
      '[[registry]]',
      'prefix = "c.d"',
      'location = "a.b"',
      'insecure = true',
    );
    await expect(open()).rejects.toThrow(
      /line 3: "a.b" is "insecure = true" there, and not in ".*", line 1/,
    );
  });
});
