import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { discoveryPage, file, redirect } from '../doubles/image-server.ts';
import { type Publisher, startPublisher } from '../helpers/publisher.ts';

let publisher: Publisher;
let keyFile: string;
beforeAll(async () => {
  publisher = await startPublisher();
  keyFile = join(publisher.machine.workDir, 'key.asc');
  writeFileSync(keyFile, publisher.key.publicKeyArmored);
});
afterAll(async () => {
  await publisher[Symbol.asyncDispose]();
});

const stored = (place: string): string =>
  join(publisher.machine.localConfig, 'trustedkeys', place, publisher.key.fingerprint);

/** Runs the program on a terminal of its own where somebody types. */
async function onTerminal(typed: string, ...args: readonly string[]): Promise<string> {
  const command = publisher.machine
    .argv(...args)
    .map((word) => `'${word}'`)
    .join(' ');
  const result = await nodeExec.run({
    argv: ['script', '-qec', command, '/dev/null'],
    env: publisher.env,
    input: typed,
    timeoutMs: 30_000,
  });

  return `${result.stdout.toString()}exit ${result.exitCode}`;
}

describe('gantry trust', () => {
  it('shows a key and trusts it when the answer is yes', async () => {
    const text = await onTerminal('perhaps\nyes\n', 'trust', '--prefix=example.com/a', keyFile);

    expect(text).toContain('images whose name begins with "example.com/a"');
    expect(text).toContain(
      (publisher.key.fingerprint.toUpperCase().match(/.{4}/g) ?? []).join(' '),
    );
    expect(text).toContain('publisher');
    expect(text).toContain('Please answer yes or no');
    expect(text).toMatch(/exit 0$/);
    expect(existsSync(stored('prefix.d/example.com/a'))).toBe(true);
  });

  it('does not trust a key when the answer is no', async () => {
    const text = await onTerminal('no\n', 'trust', '--root', keyFile);

    expect(text).toContain('images of any name');
    expect(text).toMatch(/exit 254$/);
    expect(existsSync(stored('root.d'))).toBe(false);
  });

  it('takes a key from a URL, over plain HTTP only when told', async () => {
    publisher.server.on('/key', file(publisher.key.publicKeyArmored));
    const plain = `${publisher.server.plainOrigin}/key`;
    const flags = ['trust', '--root', '--skip-fingerprint-review'];
    const env = { ...publisher.env, no_proxy: 'localhost' };

    const refused = await publisher.gantry([...flags, plain], { env });
    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toContain('plain HTTP is not safe');
    expect(existsSync(stored('root.d'))).toBe(false);

    const allowed = await publisher.gantry([...flags, '--insecure-allow-http', plain], { env });
    expect(allowed.stderr).toContain(publisher.key.fingerprint);
    expect(existsSync(stored('root.d'))).toBe(true);
  });

  it('names the flag that lets a key come over plain HTTP where a site leads there', async () => {
    const { server } = publisher;
    const prefix = 'example.com/b';
    server.on('/key', file(publisher.key.publicKeyArmored));
    server.on('/moved', redirect('http://example.com/key'));
    server.on(prefix, discoveryPage({ keys: [[prefix, 'https://example.com/moved']] }));

    for (const places of [['https://example.com/moved'], []]) {
      const flags = ['trust', `--prefix=${prefix}`, '--skip-fingerprint-review', ...places];
      const refused = await publisher.gantry([...flags, '--insecure-options=http']);
      expect(refused.exitCode).toBe(254);
      expect(refused.stderr).toMatch(
        /plain HTTP is not allowed [^]*\nhint: use https, or allow it with --insecure-allow-http$/m,
      );

      const allowed = await publisher.gantry([...flags, '--insecure-allow-http']);
      expect(allowed.exitCode).toBe(0);
    }
    await publisher.gantry(['trust', `--prefix=${prefix}`, '--remove', publisher.key.fingerprint]);
  });

  it('says what a server of plain HTTP takes that is asked for a key over TLS', async () => {
    const { plainOrigin } = publisher.server;
    publisher.server.on('/key', file(publisher.key.publicKeyArmored));
    const env = { ...publisher.env, no_proxy: 'localhost' };
    const place = `${plainOrigin.replace('http', 'https')}/key`;
    const refused = await publisher.gantry(['trust', '--root', place], { env });

    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toMatch(
      /no TLS [^]*\nhint: look at the address; .* http:\/\/ and --insecure-allow-http$/m,
    );
  });

  it('says what helps against a certificate that nobody vouches for', async () => {
    const env = { ...publisher.env, no_proxy: 'localhost', SSL_CERT_FILE: '' };
    const place = `${publisher.server.origin}/key`;
    const refused = await publisher.gantry(['trust', '--root', place], { env });

    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toMatch(/is not good [^]*\nhint: put its certificate authority into /m);
  });

  it('masks, unmasks and removes keys', async () => {
    const { fingerprint } = publisher.key;
    const spaced = (fingerprint.toUpperCase().match(/.{4}/g) ?? []).join(' ');
    const state = async (): Promise<string> =>
      (await publisher.gantry(['trust', '--list'])).stdout.toString();

    const refused = await publisher.gantry(['trust', '--root', '--mask', spaced]);
    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toMatch(
      /was added here\nhint: take it away with "gantry trust --remove --root [0-9a-f]{40}"$/m,
    );
    const removed = await publisher.gantry(['trust', '--root', '--remove', spaced]);
    expect(removed.stderr).toMatch(
      /remove done, and nothing makes it trusted for all images now$/m,
    );

    expect((await publisher.gantry(['trust', '--root', '--mask', spaced])).exitCode).toBe(0);
    expect(await state()).toMatch(/^\(root\) +\S+ +local +mask$/m);
    const unmasked = await publisher.gantry(['trust', '--root', '--unmask', fingerprint]);
    expect(unmasked.stderr).toMatch(/unmask done, and nothing makes it trusted for all images now/);
    expect(unmasked.exitCode).toBe(0);
    expect(await state()).not.toMatch(/^\(root\)/m);

    const remove = ['trust', '--prefix=example.com/a', '--remove', fingerprint];
    expect((await publisher.gantry(remove)).exitCode).toBe(0);
    expect((await publisher.gantry(remove)).exitCode).toBe(254);
    expect(existsSync(stored('prefix.d/example.com/a'))).toBe(false);
  });

  it.each([
    ['no key at all', 'nonsense'],
    ['nothing', ''],
  ])('rejects a file with %s', async (_what, text) => {
    const path = join(publisher.machine.workDir, 'bad.asc');
    writeFileSync(path, text);
    const result = await publisher.gantry(['trust', '--root', '--skip-fingerprint-review', path]);

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toContain(path);
  });

  it('rejects a prefix that is no image name, and a directory for a key', async () => {
    mkdirSync(join(publisher.machine.workDir, 'folder'), { recursive: true });
    const folder = join(publisher.machine.workDir, 'folder');

    expect((await publisher.gantry(['trust', '--prefix=No Name', keyFile])).exitCode).toBe(254);
    expect((await publisher.gantry(['trust', '--root', folder])).stderr).toContain('EISDIR');
  });
});
