import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigDirs, ConfigFolder } from './config-dirs.ts';
import { type Configuration, readConfiguration } from './configuration.ts';

const FOLDERS: readonly ConfigFolder[] = ['auth.d', 'limits.d', 'paths.d', 'stage1.d'];

let top: string;
let dirs: ConfigDirs;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'config-'));
  dirs = {
    systemConfig: join(top, 'system'),
    localConfig: join(top, 'local'),
    userConfig: join(top, 'user'),
  };
  mkdirSync(join(top, 'user'));
});
afterEach(() => {
  rmSync(top, { recursive: true });
});

function put(path: string, document: unknown): void {
  mkdirSync(dirname(join(top, path)), { recursive: true });
  writeFileSync(
    join(top, path),
    typeof document === 'string' ? document : JSON.stringify(document),
  );
}

const read = async (): Promise<Configuration> => await readConfiguration(dirs, FOLDERS);
const basic = (user: string, ...domains: readonly string[]): object => ({
  rktKind: 'auth',
  rktVersion: 'v1',
  domains,
  type: 'basic',
  credentials: { user, password: 'p' },
});
const paths = (fields: object): object => ({ rktKind: 'paths', rktVersion: 'v1', ...fields });
const stage1 = (fields: object): object => ({ rktKind: 'stage1', rktVersion: 'v1', ...fields });
const limits = (fields: object): object => ({ rktKind: 'limits', rktVersion: 'v1', ...fields });

describe('readConfiguration()', () => {
  it('finds nothing where there is nothing', async () => {
    expect(await read()).toEqual({
      auth: [],
      dockerAuth: [],
      limits: {},
      paths: {},
      stage1: undefined,
    });
  });

  it('lets the higher directory win for each thing that is said', async () => {
    put('system/auth.d/a.json', basic('system', 'a.example', 'b.example:8443'));
    put('local/auth.d/z.json', basic('local', 'A.example'));
    put('system/paths.d/p.json', paths({ data: '/system', 'stage1-images': '/images' }));
    put('system/limits.d/l.json', limits({ 'image-entries': 10, 'image-bytes': 20 }));
    put('local/limits.d/l.json', limits({ 'image-bytes': 30, 'server-seconds': 5 }));
    put('user/paths.d/p.json', paths({ data: '/user' }));
    put('system/stage1.d/s.json', stage1({ name: 'a', version: '1', location: '/a.aci' }));
    put('local/stage1.d/s.json', stage1({ location: 'https://example.com/b.aci' }));

    expect(await read()).toEqual({
      auth: [
        { domain: 'a.example', credential: { type: 'basic', user: 'local', password: 'p' } },
        { domain: 'b.example:8443', credential: { type: 'basic', user: 'system', password: 'p' } },
      ],
      dockerAuth: [],
      limits: { maxEntries: 10, maxBytes: 30, serverSeconds: 5 },
      paths: { data: '/user', stage1Images: '/images' },
      stage1: { name: 'a', version: '1', location: 'https://example.com/b.aci' },
    });
  });

  it('reads every type of credential, field names in any case', async () => {
    put('local/auth.d/1.json', {
      ...basic('', 'o.example'),
      type: 'oauth',
      credentials: { Token: 't' },
    });
    put('local/auth.d/2.json', {
      ...basic('', 's3.example'),
      type: 'aws',
      credentials: { accesskeyid: 'i', secretAccessKey: 's', awsRegion: 'eu' },
    });
    put('local/auth.d/3.json', {
      rktKind: 'dockerAuth',
      rktVersion: 'v1',
      registries: ['quay.io'],
      credentials: { user: 'u', password: 'p' },
    });

    const { auth, dockerAuth } = await read();
    expect(auth.map(({ credential }) => credential)).toEqual([
      { type: 'oauth', token: 't' },
      { type: 'aws', accessKeyID: 'i', secretAccessKey: 's', awsRegion: 'eu' },
    ]);
    expect(dockerAuth).toEqual([{ registry: 'quay.io', user: 'u', password: 'p' }]);
  });

  it('looks at files that end in .json and at nothing else', async () => {
    put('local/auth.d/a.json.bak', 'x');
    put('local/auth.d/folder.json/a.json', 'x');
    put('elsewhere', 'x');
    symlinkSync(join(top, 'elsewhere'), join(top, 'local/auth.d/link.json'));

    expect((await read()).auth).toEqual([]);
  });

  it.each([
    ['auth.d', 'no json', /a\.json": not JSON/],
    ['auth.d', [], /must be an object/],
    ['auth.d', { rktVersion: 'v1' }, /rktKind/],
    ['auth.d', { ...basic('u', 'a'), rktVersion: 'v2' }, /rktVersion: must be "v1"/],
    ['auth.d', { rktKind: 'net', rktVersion: 'v1' }, /unknown kind "net"/],
    ['paths.d', basic('u', 'a'), /does not belong into "paths\.d"/],
    ['auth.d', { ...basic('u', 'a'), type: 'digest' }, /type: must be basic, oauth or aws/],
    ['auth.d', basic('u'), /domains: must not be empty/],
    ['auth.d', basic('u', 'https://a'), /domains\[0\]: must be HOST or HOST:PORT/],
    ['auth.d', basic('u', 'a', 'a'), /auth of a is set by/],
    ['auth.d', { ...basic('u', 'a'), credentials: { user: 'u' } }, /password: is required/],
    ['auth.d', { ...basic('u', 'a'), credentials: { user: 'u', password: 'a\nb' } }, /password/],
    ['paths.d', paths({ data: 'var' }), /data: must be an absolute path/],
    ['limits.d', limits({ 'image-bytes': 0 }), /image-bytes: must be a whole number from 1/],
    ['limits.d', limits({ 'image-entries': '5' }), /image-entries: must be a number/],
    ['stage1.d', stage1({ name: 'a' }), /name and version must be given together/],
    ['stage1.d', stage1({ location: 'a.aci' }), /location: must be/],
  ])('rejects in %s %j', async (folder, document, message) => {
    put(`local/${folder}/a.json`, document);

    await expect(read()).rejects.toThrow(message);
    await expect(read()).rejects.toThrow(join(top, 'local', folder, 'a.json'));
  });

  it('rejects what is far too long, without reading it, and what is no UTF-8', async () => {
    put('local/paths.d/a.json', '');
    truncateSync(join(top, 'local/paths.d/a.json'), 2 ** 40);
    await expect(read()).rejects.toThrow(/a\.json": it has more than 1048576 bytes/);

    writeFileSync(join(top, 'local/paths.d/a.json'), Buffer.of(0x22, 0xff, 0x22));
    await expect(read()).rejects.toThrow(/a\.json": it is not UTF-8/);
  });

  it('rejects a directory that is none, and one that was named and is not there', async () => {
    writeFileSync(join(top, 'file'), '');
    const wrong = [
      [{ ...dirs, userConfig: join(top, 'none') }, /in ".*none": no such file or directory/],
      [{ ...dirs, localConfig: join(top, 'file') }, /in ".*file\/auth\.d": .* not a directory/],
    ] as const;

    for (const [given, message] of wrong) {
      await expect(readConfiguration(given, FOLDERS)).rejects.toThrow(message);
    }
    expect(
      await readConfiguration({ ...dirs, systemConfig: join(top, 'none') }, FOLDERS),
    ).toBeDefined();
  });

  it('rejects the same thing twice in one directory', async () => {
    put('local/paths.d/a.json', paths({ data: '/a' }));
    put('local/paths.d/b.json', paths({ data: '/b' }));

    await expect(read()).rejects.toThrow(/b\.json": path data is set by ".*a\.json" too/);
  });
});
