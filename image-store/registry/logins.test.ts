import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { createFindLogin } from './logins.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-logins-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const auth = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') });
const basic = (user: string, password: string) => ({ type: 'basic', user, password });

/** What is found for a repository when a file says something. */
async function find(file: unknown, host: string, repository = 'team/app') {
  return await findBy(undefined, file, { host, repository });
}

/** As `find`, with helpers for every registry. */
async function findBy(
  helpers: readonly string[] | undefined,
  file: unknown,
  { host, repository = 'team/app' }: { readonly host: string; readonly repository?: string },
) {
  const path = join(dir, 'config.json');
  writeFileSync(path, typeof file === 'string' ? file : JSON.stringify(file));
  const findLogin = createFindLogin(
    {
      configured: [{ registry: 'own.example', user: 'own', password: 'p' }],
      files: [join(dir, 'none.json'), path],
      exec: nodeExec,
      env: { PATH: `${dir}${delimiter}/usr/bin:/bin` },
    },
    helpers,
  );
  return await findLogin(host, repository);
}

function makeHelper(name: string, script: string): void {
  const path = join(dir, `docker-credential-${name}`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

describe('createFindLogin()', () => {
  it('asks its own configuration first, then files, for the narrowest name', async () => {
    const file = {
      auths: {
        'own.example': auth('other:p'),
        'reg.example:5000': auth('wide:p:with:colons'),
        'reg.example:5000/team': auth('narrow:p'),
        'https://index.docker.io/v1/': auth('hub:p'),
        'id.example': { ...auth('ignored:p'), identitytoken: 'T' },
        'plain.example': { username: 'plain', password: 'p' },
        'empty.example': {},
      },
    };

    expect(await find(file, 'own.example')).toEqual(basic('own', 'p'));
    expect(await find(file, 'reg.example:5000')).toEqual(basic('narrow', 'p'));
    expect(await find(file, 'reg.example:5000', 'x')).toEqual(basic('wide', 'p:with:colons'));
    expect(await find(file, 'reg.example')).toBeUndefined();
    expect(await find(file, 'docker.io')).toEqual(basic('hub', 'p'));
    expect(await find(file, 'id.example')).toEqual({ type: 'identity', token: 'T' });
    expect(await find(file, 'plain.example')).toEqual(basic('plain', 'p'));
    expect(await find(file, 'empty.example')).toBeUndefined();
    expect(await find(file, '__proto__')).toBeUndefined();
  });

  it('asks helpers, which hear the name of the registry', async () => {
    makeHelper('some', 'read host; printf \'{"Username":"%s","Secret":"s"}\' "$host"');
    makeHelper('token', 'echo \'{"Username":"<token>","Secret":"T"}\'');
    makeHelper('none', 'echo "credentials not found in native keychain"; exit 1');
    const file = {
      auths: { 'stored.example': {} },
      credsStore: 'token',
      credHelpers: { 'reg.example': 'some', 'unknown.example': 'none' },
    };

    expect(await find(file, 'reg.example')).toEqual(basic('reg.example', 's'));
    expect(await find(file, 'stored.example')).toEqual({ type: 'identity', token: 'T' });
    expect(await find(file, 'unknown.example')).toBeUndefined();
  });

  it('asks the store of a file for registries that the file does not name', async () => {
    makeHelper('cloud', 'read host; printf \'{"Username":"%s","Secret":"s"}\' "$host"');
    makeHelper('empty', 'echo \'{"Username":"","Secret":""}\'');
    makeHelper('fails', 'exit 3');
    const hub = 'https://index.docker.io/v1/';

    expect(await find({ credsStore: 'cloud' }, 'a.example')).toEqual(basic('a.example', 's'));
    expect(await find({ credsStore: 'cloud' }, 'docker.io')).toEqual(basic(hub, 's'));
    expect(await find({ credsStore: 'empty' }, 'a.example')).toBeUndefined();
    expect(await find({ credsStore: 'fails' }, 'a.example')).toBeUndefined();
    expect(await find({ credsStore: 'missing' }, 'a.example')).toBeUndefined();
    const named = { auths: { 'a.example': {} }, credsStore: 'fails' };
    await expect(find(named, 'a.example')).rejects.toThrow('status 3');
  });

  it('knows a registry by an address of its interface', async () => {
    for (const path of ['', '/', '/v1/', '/v2', '/v2/']) {
      const file = { auths: { [`https://a.example${path}`]: auth('me:p') } };
      expect(await find(file, 'a.example')).toEqual(basic('me', 'p'));
    }
  });

  it('asks helpers for every registry, the files in their place among them', async () => {
    const host = 'reg.example';
    const file = { auths: { [host]: auth('file:p') } };
    makeHelper('one', 'read host; printf \'{"Username":"%s","Secret":"s"}\' "$host"');
    makeHelper('none', 'echo "credentials not found in native keychain"; exit 1');
    makeHelper('fails', 'exit 3');

    expect(await findBy(['one', 'containers-auth.json'], file, { host })).toEqual(basic(host, 's'));
    expect(await findBy(['containers-auth.json', 'one'], file, { host })).toEqual(
      basic('file', 'p'),
    );
    expect(await findBy(['fails', 'none', 'one'], file, { host })).toEqual(basic(host, 's'));
    expect(await findBy(['none'], file, { host })).toBeUndefined();
    expect(await findBy([], file, { host })).toBeUndefined();
    expect(await findBy(['one'], file, { host: 'own.example' })).toEqual(basic('own', 'p'));
    await expect(findBy(['fails', 'none'], file, { host })).rejects.toThrow('status 3');
  });

  it.each<[string, unknown, string]>([
    ['no JSON', '{', 'not JSON'],
    ['something else than text', { auths: { 'reg.example': { auth: 1 } } }, 'must be text'],
    ['no user and password', { auths: { 'reg.example': auth('alone') } }, 'USER:PASSWORD'],
    [
      'a helper that is not there',
      { credHelpers: { 'reg.example': 'missing' } },
      'docker-credential-missing',
    ],
    [
      'a helper somewhere else',
      { credHelpers: { 'reg.example': '../evil' } },
      'not the name of a program',
    ],
    ['a helper that fails', { credHelpers: { 'reg.example': 'fails' } }, 'it ended with status 3'],
    ['a helper that says nothing', { credHelpers: { 'reg.example': 'mute' } }, 'not JSON'],
  ])('refuses %s', async (_what, file, message) => {
    makeHelper('fails', 'echo secret-detail >&2; exit 3');
    makeHelper('mute', 'exit 0');
    await expect(find(file, 'reg.example')).rejects.toThrow(
      expect.objectContaining({
        code: 'CREDENTIALS_INVALID',
        message: expect.stringContaining(message) as unknown,
      }) as Error,
    );
  });
});
