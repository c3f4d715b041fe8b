import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';
import { discoveryPage, file } from '../doubles/image-server.ts';
import { type Publisher, startPublisher } from '../helpers/publisher.ts';
import { makeSigningKey, type SigningKey, signingKeyOf } from '../helpers/signing.ts';
import { tinyAci } from '../helpers/tiny-aci.ts';

// Keys on their way to being trusted: by whom they are shown, and which are not taken at all.

const NAME = 'example.com/app';

let publisher: Publisher;
let plainOnly: SigningKey;
beforeAll(async () => {
  publisher = await startPublisher();
  plainOnly = await makeSigningKey({ name: 'plain' });
});
beforeEach(async () => {
  await publisher.publish({ name: NAME });
});
afterAll(async () => {
  await publisher[Symbol.asyncDispose]();
});

const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
  await publisher.gantry(args);
const isTrusted = (place: string, key = publisher.key): boolean =>
  existsSync(join(publisher.machine.localConfig, 'trustedkeys', place, key.fingerprint));

/** Runs the program on a terminal of its own where somebody types. */
async function onTerminal(typed: string, ...args: readonly string[]): Promise<string> {
  const command = publisher.machine
    .argv(...args)
    .map((word) => `'${word}'`)
    .join(' ');
  const { stdout, exitCode } = await nodeExec.run({
    argv: ['script', '-qec', command, '/dev/null'],
    env: publisher.env,
    input: typed,
    timeoutMs: 30_000,
  });

  return `${stdout.toString()}exit ${exitCode}`;
}

describe('gantry fetch of an image by an unknown key', () => {
  it('does not ask where there is no terminal, and says which key to look at', async () => {
    const result = await gantry('fetch', NAME);

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toContain(`not trusted: ${publisher.key.fingerprint}`);
    expect(result.stderr).toContain(`hint: look at the publisher's key and trust it with`);
  });

  it('shows the key on a terminal and takes no for an answer', async () => {
    const text = await onTerminal('no\n', 'fetch', NAME);

    expect(text).toContain(`images whose name begins with "${NAME}"`);
    expect(text).toContain('https://example.com/keys.asc');
    expect(text).toMatch(/exit 254$/);
    expect(isTrusted(`prefix.d/${NAME}`)).toBe(false);
  });

  it('takes the end of input for a no', async () => {
    expect(await onTerminal('', 'fetch', NAME)).toMatch(/exit 254$/);
    expect(isTrusted(`prefix.d/${NAME}`)).toBe(false);
  });

  it('trusts the key for exactly that name when the answer is yes, and goes on', async () => {
    const text = await onTerminal('yes\n', 'fetch', NAME);

    expect(text).toMatch(/sha512-[0-9a-f]{32}\r?\nexit 0$/);
    expect(isTrusted(`prefix.d/${NAME}`)).toBe(true);
    expect((await gantry('fetch', NAME)).exitCode).toBe(0);
    await gantry('trust', `--prefix=${NAME}`, '--remove', publisher.key.fingerprint);
  });

  it('asks nobody with --trust-keys-from-https, and only for keys from there', async () => {
    const result = await gantry('--trust-keys-from-https', 'fetch', NAME);
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toContain(`is now trusted for "${NAME}"`);

    const { server, env } = publisher;
    const data = gzipSync(tinyAci({ name: 'example.com/plain' }));
    server.on(
      'example.com/plain',
      discoveryPage({
        aci: [['example.com/plain', 'https://example.com/plain.{ext}']],
        keys: [['example.com/plain', `${server.plainOrigin}/plain.key`]],
      }),
    );
    server.on('/plain.aci', file(data));
    server.on('/plain.aci.asc', file(await plainOnly.sign(data)));
    server.on('/plain.key', file(plainOnly.publicKeyArmored));
    const flags = ['--trust-keys-from-https', '--insecure-options=pubkey'];
    const args = [...flags, 'fetch', 'example.com/plain'];
    const refused = await publisher.gantry(args, { env: { ...env, no_proxy: 'localhost' } });

    expect(refused.exitCode).toBe(254);
    expect(isTrusted('prefix.d/example.com/plain', plainOnly)).toBe(false);
  });
});

describe('gantry trust', () => {
  const keyFile = (data: string | Uint8Array): string => {
    const path = join(publisher.machine.workDir, 'some.key');
    writeFileSync(path, data);
    return path;
  };

  it('refuses a review where there is no terminal, and says what to do', async () => {
    const result = await gantry('trust', '--root', keyFile(publisher.key.publicKeyArmored));

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toMatch(
      new RegExp(
        `key ${publisher.key.fingerprint} from ".*some\\.key": its fingerprint must be reviewed`,
      ),
    );
    expect(result.stderr).toMatch(/hint: compare the fingerprint, then run gantry trust --skip-/);
    expect(isTrusted('root.d')).toBe(false);
  });

  it('takes armored and binary keys, several at once, for one prefix', async () => {
    const other = await makeSigningKey({ name: 'other' });
    const first = keyFile(publisher.key.publicKey.write());
    const second = join(publisher.machine.workDir, 'second.key');
    writeFileSync(second, other.publicKeyArmored);
    const flags = ['trust', '--prefix=example.com/two', '--skip-fingerprint-review'];

    expect((await gantry(...flags, first, second)).exitCode).toBe(0);
    expect(isTrusted('prefix.d/example.com/two')).toBe(true);
    expect(isTrusted('prefix.d/example.com/two', other)).toBe(true);
    expect((await gantry('trust', '--list')).stdout.toString()).toContain(other.fingerprint);
  });

  it('takes the good keys of a file, showing no others, and tells of the others', async () => {
    const created = new Date('2020-01-01');
    const expired = await makeSigningKey({ name: 'old', created, lifetimeSeconds: 60 });
    const weak = await makeSigningKey({ name: 'weak', kind: 'rsa1024' });
    const all = [expired, publisher.key, weak].map((key) => key.publicKeyArmored);
    const path = keyFile(all.join('\n'));
    const place = 'prefix.d/example.com/rotated';

    const text = await onTerminal('yes\n', 'trust', '--prefix=example.com/rotated', path);

    const [warned = '', shown = ''] = text.split('Keys for images');
    expect(warned).toContain(`warning: key ${expired.fingerprint} from "${path}" is left out: `);
    expect(warned).toContain(`warning: key ${weak.fingerprint} from "${path}" is left out: `);
    expect(shown).toContain('publisher');
    expect(shown).not.toMatch(/old|weak|NOT/);
    expect(text).toMatch(/exit 0$/);
    expect(isTrusted(place)).toBe(true);
    expect(isTrusted(place, expired) || isTrusted(place, weak)).toBe(false);
  });

  it('asks nobody about keys none of which is good', async () => {
    const keys = [
      await makeSigningKey({ name: 'r', revoked: 'compromised' }),
      await makeSigningKey({ name: 'w', kind: 'rsa1024' }),
    ];
    const path = keyFile(keys.map((key) => key.publicKeyArmored).join('\n'));
    const text = await onTerminal('yes\n', 'trust', '--root', path);

    expect(text).not.toContain('Are you sure');
    for (const { fingerprint } of keys) expect(text).toContain(`cannot trust key ${fingerprint}: `);
    expect(text).toMatch(/exit 254$/);
  });

  it('goes on to the next file after one without any key that is good', async () => {
    const weak = await makeSigningKey({ name: 'weak', kind: 'rsa1024' });
    const bad = join(publisher.machine.workDir, 'bad.key');
    writeFileSync(bad, weak.publicKeyArmored);
    const flags = ['trust', '--prefix=example.com/next', '--skip-fingerprint-review'];
    const place = 'prefix.d/example.com/next';

    const { exitCode, stderr } = await gantry(
      ...flags,
      bad,
      keyFile(publisher.key.publicKeyArmored),
    );

    expect(stderr).toContain(`warning: key ${weak.fingerprint} from "${bad}" is left out: `);
    expect(exitCode).toBe(0);
    expect(isTrusted(place)).toBe(true);
    expect(isTrusted(place, weak)).toBe(false);
  });

  it('trusts none of several files where one cannot be read', async () => {
    const flags = ['trust', '--prefix=example.com/gone', '--skip-fingerprint-review'];
    const path = keyFile(publisher.key.publicKeyArmored);

    expect((await gantry(...flags, path, `${path}.gone`)).exitCode).toBe(254);
    expect(isTrusted('prefix.d/example.com/gone')).toBe(false);
  });

  it('takes a revocation of a trusted key over without a question', async () => {
    const key = await makeSigningKey({ name: 'burnt' });
    const flags = ['trust', '--prefix=example.com/burnt'];
    await gantry(...flags, '--skip-fingerprint-review', keyFile(key.publicKeyArmored));
    const revoked = await signingKeyOf(key.privateKey, 'compromised');

    const { exitCode, stderr } = await gantry(...flags, keyFile(revoked.publicKeyArmored));

    expect(stderr).toContain(`warning: cannot trust key ${key.fingerprint}: its owner has revoked`);
    expect(exitCode).toBe(0);
    expect((await gantry('trust', '--list')).stdout.toString()).toMatch(
      new RegExp(`^example.com/burnt +${key.fingerprint} +local +revoked$`, 'm'),
    );
  });

  it('does not touch a key of the system, and masks it', async () => {
    const key = await makeSigningKey({ name: 'vendor' });
    const folder = join(publisher.machine.systemConfig, 'trustedkeys', 'root.d');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, key.fingerprint), key.publicKeyArmored);
    const list = async (): Promise<string> => (await gantry('trust', '--list')).stdout.toString();

    expect((await gantry('trust', '--root', '--remove', key.fingerprint)).exitCode).toBe(254);
    expect(await list()).toMatch(new RegExp(`${key.fingerprint} +system +trusted`));
    expect((await gantry('trust', '--root', '--mask', key.fingerprint)).exitCode).toBe(0);
    expect(await list()).toMatch(new RegExp(`${key.fingerprint} +system +masked by`));
    expect(existsSync(join(folder, key.fingerprint))).toBe(true);

    const unmasked = await gantry('trust', '--root', '--unmask', key.fingerprint);
    expect(unmasked.stderr).toContain(
      `unmask done, and "${join(folder, key.fingerprint)}" makes it trusted for all images now`,
    );
  });

  it('lists keys that nobody can sign with any more for what they are', async () => {
    const created = new Date('2020-01-01');
    const expired = await makeSigningKey({ name: 'old', created, lifetimeSeconds: 60 });
    const folder = join(publisher.machine.localConfig, 'trustedkeys', 'root.d');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, expired.fingerprint), expired.publicKeyArmored);
    writeFileSync(join(folder, 'f'.repeat(40)), 'junk');

    const { stdout, exitCode } = await gantry('trust', '--list');

    expect(stdout.toString()).toMatch(new RegExp(`${expired.fingerprint} +local +expired$`, 'm'));
    expect(stdout.toString()).toMatch(/f{40} +local +unusable$/m);
    expect(exitCode).toBe(0);
  });

  it.each<readonly [string, () => Promise<string | Uint8Array>, RegExp]>([
    [
      'weak',
      async () => (await makeSigningKey({ name: 'w', kind: 'rsa1024' })).publicKeyArmored,
      /an RSA key of 1024 bits, which is too weak\nhint: /,
    ],
    [
      'revoked',
      async () => (await makeSigningKey({ name: 'r', revoked: 'compromised' })).publicKeyArmored,
      /its owner has revoked it/,
    ],
    [
      'expired',
      async () => {
        const created = new Date(Date.now() - 172_800_000);
        const key = await makeSigningKey({ name: 'e', created, lifetimeSeconds: 3600 });
        return key.publicKeyArmored;
      },
      /it expired on 20/,
    ],
    [
      'private',
      async () => (await makeSigningKey({ name: 'p' })).privateKey.armor(),
      /it is a private key, which must not leave its owner\nhint: /,
    ],
    [
      'broken',
      async () => await Promise.resolve('-----BEGIN PGP PUBLIC KEY BLOCK-----\n'),
      /cannot read/,
    ],
  ])('refuses a key that is %s', async (_, make, message) => {
    const path = keyFile(await make());
    const result = await gantry('trust', '--root', '--skip-fingerprint-review', path);

    expect(result.stderr).toMatch(message);
    expect(result.exitCode).toBe(254);
  });

  it.each([
    [['--root', '--prefix=a'], /--prefix and --root exclude each other/],
    [['--prefix=example.com', '--mask', '--remove', 'x'], /exclude each other/],
    [['--root', '--remove'], /--remove needs a fingerprint/],
    [['--root', '--remove', 'abc'], /it has 40 or 64 hexadecimal digits/],
    [['--root', '--remove', '0'.repeat(40)], /no such file\nhint: list the trusted keys/],
    [['--list', 'x'], /--list takes no arguments/],
    [['--root', '/no/such.key'], /\/no\/such\.key/],
  ])('refuses %j', async (args, message) => {
    const result = await gantry('trust', ...args);

    expect(result.stderr).toMatch(message);
    expect(result.exitCode).toBe(254);
  });
});
