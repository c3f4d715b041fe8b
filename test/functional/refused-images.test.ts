import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  aciOf,
  directory,
  hardLink,
  MANIFEST,
  symlink,
  type TarEntry,
  tarOf,
} from '../helpers/hostile-tar.ts';
import { type Refusals, startRefusals } from '../helpers/refusals.ts';
import { makeSigningKey } from '../helpers/signing.ts';
import { tinyAci } from '../helpers/tiny-aci.ts';

const HOUR = 3_600_000;
const image = { name: 'example.com/app', version: '1.0', files: { data: 'x'.repeat(5000) } };
const tar = tinyAci(image);
const archive = gzipSync(tar);

let bench: Refusals;
beforeAll(async () => {
  bench = await startRefusals();
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

/** Signs an archive with a trusted key, fetches it and expects a refusal that names it. */
async function refuses(bytes: Uint8Array, message: RegExp): Promise<void> {
  const path = await bench.put(bytes);
  const talk = await bench.refused('fetch', path);

  expect(talk).toContain(`image "${path}"`);
  expect(talk).toMatch(message);
}

describe('gantry fetch refuses an image', () => {
  it('without a signature', async () => {
    const path = await bench.put(archive, { key: null });

    expect(await bench.refused('fetch', path)).toContain(
      `cannot verify image "${path}": there is no signature at "${path}.asc"\nhint: give one with --signature`,
    );
  });

  it('whose signature is none', async () => {
    const path = await bench.put(archive);
    writeFileSync(`${path}.asc`, 'nonsense');

    expect(await bench.refused('fetch', path)).toMatch(/image-.*\n.*cannot read the signature/);
  });

  it('signed by a key that nobody trusts', async () => {
    const key = await makeSigningKey({ name: 'stranger' });
    const path = await bench.put(archive, { key });
    const talk = await bench.refused('fetch', path);

    expect(talk).toMatch(/"example\.com\/app": made by a key that is not trusted/);
    expect(talk).toContain(key.fingerprint);
    expect(talk).toContain('hint: look at the publisher\'s key and trust it with "gantry trust');
  });

  it('signed by a key that has expired', async () => {
    const created = new Date(Date.now() - 48 * HOUR);
    const key = await makeSigningKey({ name: 'old', created, lifetimeSeconds: 24 * 3600 });
    bench.trust(key);
    const at = new Date(Date.now() - 36 * HOUR);
    const talk = await bench.refused('fetch', await bench.put(archive, { key, at }));

    expect(talk).toMatch(new RegExp(`cannot trust key ${key.fingerprint}: it expired on 20`));
  });

  it('signed by a key that its owner revoked', async () => {
    const key = await makeSigningKey({ name: 'stolen', revoked: 'compromised' });
    bench.trust(key);
    const talk = await bench.refused('fetch', await bench.put(archive, { key }));

    expect(talk).toMatch(/its owner has revoked it \(compromised\)/);
  });

  it('signed by a weak key', async () => {
    const key = await makeSigningKey({ name: 'weak', kind: 'rsa1024' });
    bench.trust(key);
    const talk = await bench.refused('fetch', await bench.put(archive, { key }));

    expect(talk).toMatch(/which is too weak\nhint: ask the publisher to sign with an Ed25519 key/);
  });

  it('signed by a key that is trusted for other names', async () => {
    const key = await makeSigningKey({ name: 'other' });
    bench.trust(key, 'prefix.d/example.com/other');
    const talk = await bench.refused('fetch', await bench.put(archive, { key }));

    expect(talk).toMatch(
      /is trusted for "example\.com\/other" only\nhint: .*gantry trust --prefix=/,
    );
  });

  it('with the signature of another file', async () => {
    const path = await bench.put(archive, { signed: Buffer.from('another') });

    expect(await bench.refused('fetch', path)).toMatch(
      /cannot accept the signature by key [0-9a-f]{40}: [^]*hint: image and signature do not belong together/,
    );
  });

  it('and tells the whole chain of causes for --debug', async () => {
    const path = await bench.put(archive, { signed: Buffer.from('another') });
    const talk = await bench.refused('--debug', 'fetch', path);

    expect(talk).toMatch(/\[SIGNATURE_INVALID\] GantryError: cannot accept image/);
    expect(talk).toMatch(/\[SIGNATURE_INVALID\] GantryError: cannot accept the signature by key/);
    expect(talk).toMatch(/\n\nError: Signed digest did not match\n {4}at /);
  });

  it('that is not there', async () => {
    expect(await bench.refused('fetch', '/no/such.aci')).toMatch(
      /cannot read image "\/no\/such\.aci": no such file/,
    );
  });
});

const piped =
  (...argv: readonly [string, ...string[]]) =>
  (input: Buffer): Buffer =>
    execFileSync(argv[0], argv.slice(1), { input });
const PACKINGS: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ['no', (bytes) => bytes],
  ['gzip', gzipSync],
  ['bzip2', piped('bzip2', '-c')],
  ['xz', piped('xz', '-c')],
  ['zstd', zstdCompressSync],
];

describe.each(PACKINGS)('gantry fetch refuses an archive with %s compression', (packing, pack) => {
  const packed = pack(tar);
  const plain = packing === 'no';

  it('that is truncated', async () => {
    const cut = packed.subarray(0, plain ? 4000 : packed.length - 30);

    await refuses(cut, plain ? /cannot read the archive/ : /data ends too early/);
  });

  it('that is corrupted', async () => {
    const spoilt = Buffer.from(packed);
    const middle = plain ? 2 * 512 : Math.floor(packed.length / 2);
    spoilt.fill(0x55, middle, middle + 20);

    await refuses(
      spoilt,
      plain ? /check sum/ : new RegExp(`damaged ${packing} data: (?!${packing})`),
    );
  });

  it('that something follows', async () => {
    await refuses(
      Buffer.concat([packed, Buffer.alloc(3000, 'garbage')]),
      plain ? /there is data after its end mark/ : /follows the end of the|damaged xz data/,
    );
  });

  it('that was changed after it was signed', async () => {
    const changed = pack(tinyAci({ ...image, files: { data: 'y'.repeat(5000) } }));
    const path = await bench.put(changed, { signed: packed });

    expect(await bench.refused('fetch', path)).toMatch(
      /image and signature do not belong together/,
    );
  });
});

describe('gantry fetch refuses what is no archive:', () => {
  it.each([
    ['nothing', Buffer.alloc(0), /it is empty/],
    ['a web page', Buffer.from('<html>not found</html>'.repeat(40)), /it is a web page/],
    ['noise', Buffer.alloc(5000, 'noise'), /no archive that we know/],
  ])('%s', async (_, bytes, message) => {
    await refuses(bytes, message);
  });
});

describe('gantry fetch refuses a tar bomb', () => {
  it('of too many entries, as many as the user says', async () => {
    const bomb = aciOf(...[1, 2, 3, 4].map((n) => ({ path: `rootfs/a/${n}` })));
    bench.limit({ 'image-entries': 6 });
    try {
      await refuses(bomb, /it holds more than 6 entries\nhint: if you trust the image, raise/);
    } finally {
      bench.limit(undefined);
    }
  });

  it('of too many bytes, as many as the user says', async () => {
    const bomb = gzipSync(aciOf({ path: 'rootfs/zeros', body: Buffer.alloc(2_000_000) }));
    bench.limit({ 'image-bytes': 1_000_000 });
    try {
      await refuses(bomb, /it holds more than 1000000 bytes\nhint: .*"limits"/);
    } finally {
      bench.limit(undefined);
    }
  });

  it('of holes that would be written out', async () => {
    const hole = aciOf({
      path: 'GNUSparseFile.0/x',
      body: '1\n1099511627776\n0\n'.padEnd(512, '\0'),
      pax: {
        'GNU.sparse.major': '1',
        'GNU.sparse.minor': '0',
        'GNU.sparse.name': 'rootfs/hole',
        'GNU.sparse.realsize': '1099511627776',
      },
    });

    await refuses(hole, /it holds more than 68719476736 bytes|cannot read the archive/);
  });
});

const base = JSON.parse(MANIFEST) as Readonly<Record<string, unknown>>;
const withManifest = (manifest: object | string): Buffer =>
  tarOf(
    {
      path: 'manifest',
      body: typeof manifest === 'string' ? manifest : JSON.stringify(manifest),
    },
    directory('rootfs/'),
  );

describe('gantry fetch refuses a manifest that is', () => {
  it.each([
    ['missing', tarOf(directory('rootfs/')), /it has no manifest/],
    [
      'doubled',
      tarOf(
        ...['', './'].map((at) => ({ path: `${at}manifest`, body: MANIFEST })),
        directory('rootfs/'),
      ),
      /it holds "manifest" twice/,
    ],
    [
      'a link',
      tarOf(symlink('manifest', '/etc/passwd'), directory('rootfs/')),
      /manifest is no file/,
    ],
    [
      'too large',
      withManifest({ ...base, annotations: [{ name: 'a', value: 'x'.repeat(1_100_000) }] }),
      /its manifest is larger than 1048576 bytes/,
    ],
    [
      'of the wrong kind',
      withManifest({ ...base, acKind: 'PodManifest' }),
      /acKind: must be "ImageManifest", not "PodManifest"/,
    ],
    [
      'of a newer major version',
      withManifest({ ...base, acVersion: '1.0.0' }),
      /acVersion: is "1\.0\.0", of a newer major version/,
    ],
    ['no JSON', withManifest('{'), /image manifest: not JSON/],
    ['without a name', withManifest({ ...base, name: undefined }), /name: is required/],
    ['with a name that is none', withManifest({ ...base, name: '../../x' }), /name: /],
  ])('%s', async (_, bytes, message) => {
    await refuses(bytes, message);
  });
});

describe('gantry fetch refuses an entry that', () => {
  const cases: readonly (readonly [string, readonly TarEntry[], RegExp])[] = [
    ['leaves by ..', [{ path: 'rootfs/../../x' }], /"rootfs\/\.\.\/\.\.\/x": its path leads out/],
    ['is absolute', [{ path: '/etc/x' }], /"\/etc\/x": its path is absolute/],
    ['lies beside rootfs', [{ path: 'x' }], /"x" is neither the manifest nor in rootfs/],
    [
      'lies behind a symbolic link placed earlier',
      [symlink('rootfs/out', '/etc'), { path: 'rootfs/out/x' }],
      /"rootfs\/out\/x": it lies behind "out"/,
    ],
    [
      'lies behind a link that goes up',
      [symlink('rootfs/out', '../../..'), { path: 'rootfs/out/x' }],
      /it lies behind "out"/,
    ],
    ['is a hard link out', [hardLink('rootfs/h', '/etc/passwd')], /to the absolute path/],
    ['is a hard link by ..', [hardLink('rootfs/h', 'rootfs/../x')], /outside of rootfs/],
    [
      'is a hard link through a link',
      [symlink('rootfs/out', '/etc'), hardLink('rootfs/h', 'rootfs/out/passwd')],
      /has not placed before it/,
    ],
    ['comes twice', [{ path: 'rootfs/a' }, { path: 'rootfs/a' }], /it holds "rootfs\/a" twice/],
    ['hides others in an overlay', [{ path: 'rootfs/a', flag: '3' }], /character device 0:0/],
    ['is of no known type', [{ path: 'rootfs/a', flag: 'Z' }], /unknown type "Z"/],
  ];
  it.each(cases)('%s', async (_, entries, message) => {
    await refuses(aciOf(...entries), message);
  });

  it('has a name that would harm a terminal, without showing it so', async () => {
    const path = await bench.put(aciOf({ path: '/\u001b[2Jx' }));

    expect(await bench.refused('fetch', path)).toContain('cannot extract "/?[2Jx"');
  });
});

describe('gantry image list', () => {
  it('shows nothing of all that', async () => {
    const { stdout } = await bench.publisher.gantry(['image', 'list', '--no-legend']);

    expect(stdout.toString()).toBe('');
  });
});
