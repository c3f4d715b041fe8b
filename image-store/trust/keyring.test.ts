import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAcIdentifier } from '#schema/types/names';
import { makeTrustHost, type PutKey, type TrustHost } from '../../test/helpers/trust-host.ts';
import { scopesOf } from './trust-folders.ts';

// Which files count is told by their names and sizes alone.
const K = 'a'.repeat(40);
const L = 'b'.repeat(40);
const V6 = 'c'.repeat(64);

let host: TrustHost;
beforeEach(() => {
  host = makeTrustHost();
});
afterEach(() => host[Symbol.dispose]());

function key(layer: PutKey['layer'], scope: string, fingerprint = K): string {
  return host.put({ layer, scope, fingerprint, content: 'key' });
}

function mask(layer: PutKey['layer'], scope: string, fingerprint = K): string {
  return host.put({ layer, scope, fingerprint, content: '' });
}

function ring(name: string): readonly string[] {
  return host.trust.keyringFor(parseAcIdentifier(name)).map(({ path }) => path);
}

describe('scopesOf()', () => {
  test('gives everything, each prefix that ends at a slash, and the name', () => {
    expect(scopesOf(parseAcIdentifier('example.com/a/b'))).toEqual([
      '',
      'example.com',
      'example.com/a',
      'example.com/a/b',
    ]);
  });
});

describe('keyringFor()', () => {
  test('is empty where there are no folders', () => {
    expect(ring('example.com/web')).toEqual([]);
  });

  test('has the root keys of the system, the local and the user folder', () => {
    const paths = [key('system', ''), key('local', '', L), key('user', '', V6)];

    expect(ring('example.com/web')).toEqual(paths);
  });

  test('has keys of the name itself and of every prefix of it', () => {
    const paths = [
      key('system', 'example.com'),
      key('system', 'example.com/a', L),
      key('local', 'example.com/a/b', V6),
    ];

    expect(ring('example.com/a/b')).toEqual(paths);
    expect(ring('example.com/a')).toEqual(paths.slice(0, 2));
    expect(ring('example.com')).toEqual(paths.slice(0, 1));
  });

  test('ends prefixes at slashes', () => {
    key('local', 'example.com/app');

    expect(ring('example.com/app')).toHaveLength(1);
    expect(ring('example.com/app/x')).toHaveLength(1);
    for (const name of ['example.com/apple', 'example.com/ap', 'example.com', 'example.com.org']) {
      expect(ring(name)).toEqual([]);
    }
  });

  test('leaves out files that are not named as a fingerprint', () => {
    for (const name of ['README', K.toUpperCase(), `${K}.asc`, K.slice(1), `.${K}.tmp`]) {
      host.put({ fingerprint: name, content: 'key' });
    }

    expect(ring('example.com/web')).toEqual([]);
  });

  test('leaves out a folder that is named as a fingerprint', () => {
    mkdirSync(join(host.roots.localDir, 'root.d', K), { recursive: true });

    expect(ring('example.com/web')).toEqual([]);
  });

  test('follows a link to a key, and leaves one out that leads nowhere', () => {
    const path = key('local', 'example.com');
    symlinkSync(path, join(dirname(path), L));
    symlinkSync('/nowhere', join(dirname(path), V6));
    symlinkSync('d'.repeat(40), join(dirname(path), 'd'.repeat(40)));

    expect(ring('example.com')).toEqual([path, join(dirname(path), L)]);
  });

  test('says where each key comes from and what it is for', () => {
    key('system', '');
    key('local', 'example.com', L);

    expect(host.trust.keyringFor(parseAcIdentifier('example.com/web'))).toMatchObject([
      { fingerprint: K, scope: '', origin: 'system' },
      { fingerprint: L, scope: 'example.com', origin: 'local' },
    ]);
  });
});

describe('keyringFor() with masks', () => {
  test('a zero-length local file masks the system key of its name', () => {
    key('system', 'example.com');
    key('system', 'example.com', L);
    mask('local', 'example.com');

    expect(ring('example.com/web')).toEqual([expect.stringContaining(L)]);
  });

  test('a link to /dev/null masks as well', () => {
    key('system', '');
    const path = mask('local', '');
    rmSync(path);
    symlinkSync('/dev/null', path);

    expect(ring('example.com')).toEqual([]);
  });

  test('a mask for everything masks keys of every prefix', () => {
    key('system', 'example.com');
    mask('local', '');

    expect(ring('example.com')).toEqual([]);
  });

  test('a mask for a prefix masks a root key there and nowhere else', () => {
    key('system', '');
    mask('local', 'example.com');

    expect(ring('example.com/web')).toEqual([]);
    expect(ring('example.org/web')).toHaveLength(1);
  });

  test('a key of a higher layer holds against a mask of a lower one', () => {
    mask('local', '');
    const path = key('user', '');

    expect(ring('example.com')).toEqual([path]);
  });

  test('a narrower key of the same layer holds against a wider mask', () => {
    key('system', '');
    mask('local', '');
    const path = key('local', 'example.com');

    expect(ring('example.com/web')).toEqual([path]);
    expect(ring('example.org/web')).toEqual([]);
  });

  test('a mask in the user folder masks a local key', () => {
    key('local', 'example.com');
    mask('user', 'example.com');

    expect(ring('example.com')).toEqual([]);
  });
});

describe('list()', () => {
  test('has every key and mask, sorted, each key with its mask', () => {
    const system = key('system', 'example.com');
    key('system', 'example.com/deep/down', L);
    const local = mask('local', 'example.com');
    key('local', '', V6);

    expect(host.trust.list()).toMatchObject([
      { fingerprint: V6, scope: '', origin: 'local', kind: 'key', maskedBy: undefined },
      { fingerprint: K, scope: 'example.com', origin: 'system', path: system, maskedBy: local },
      { fingerprint: K, scope: 'example.com', origin: 'local', kind: 'mask', maskedBy: undefined },
      { fingerprint: L, scope: 'example.com/deep/down', maskedBy: undefined },
    ]);
  });

  test('is empty where there are no folders', () => {
    expect(host.trust.list()).toEqual([]);
  });

  test('names the file that a key is read from where several have it', () => {
    key('system', 'example.com');
    key('system', 'example.com/a');
    const local = key('local', 'example.com');

    expect(host.trust.list()).toMatchObject([
      { scope: 'example.com', origin: 'system', replacedBy: local },
      { scope: 'example.com', origin: 'local', replacedBy: undefined },
      { scope: 'example.com/a', origin: 'system', replacedBy: local },
    ]);
  });

  test('has keys in folders that are links, as a fetch has', () => {
    const elsewhere = dirname(key('user', 'elsewhere/deep'));
    key('user', 'elsewhere', L);
    key('local', 'example.org');
    const folder = join(host.roots.localDir, 'prefix.d');
    symlinkSync(dirname(elsewhere), join(folder, 'example.com'));
    symlinkSync(elsewhere, join(folder, 'example.net'));
    symlinkSync('/nowhere', join(folder, 'example.edu'));
    symlinkSync('round', join(folder, 'round'));

    const local = host.trust.list().filter(({ origin }) => origin === 'local');

    expect(local.map(({ scope, fingerprint }) => [scope, fingerprint])).toEqual([
      ['example.com', L],
      ['example.com/deep', K],
      ['example.net', K],
      ['example.org', K],
    ]);
    for (const { scope, path } of local) expect(ring(scope)).toContain(path);
  });

  test('does not go round in circles behind links', () => {
    const path = key('local', 'example.com');
    symlinkSync('..', join(dirname(path), 'up'));
    symlinkSync('.', join(dirname(path), 'here'));

    expect(host.trust.list()).toHaveLength(1);
  });
});
