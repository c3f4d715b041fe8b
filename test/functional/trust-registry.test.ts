import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { readPublicKeys } from '#image-store';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { makeSigningKey } from '../helpers/signing.ts';
import { openFulcio } from '../helpers/sigstore.ts';

let machine: PodContext;
const paths = { pem: '', openpgp: '', ca: '', secret: '' };
beforeAll(async () => {
  machine = createPodContext();
  paths.pem = join(machine.workDir, 'cosign.pub');
  paths.openpgp = join(machine.workDir, 'key.asc');
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  paths.secret = join(machine.workDir, 'secret.pem');
  writeFileSync(paths.secret, privateKey.export({ type: 'sec1', format: 'pem' }));
  writeFileSync(paths.pem, publicKey.export({ type: 'spki', format: 'pem' }));
  paths.ca = join(machine.workDir, 'fulcio.pem');
  using fulcio = openFulcio();
  writeFileSync(paths.ca, `${fulcio.root}${fulcio.between}`);
  const { publicKeyArmored } = await makeSigningKey({ name: 'signer' });
  writeFileSync(paths.openpgp, publicKeyArmored);
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
});

const trust = async (...args: readonly string[]): Promise<ExecResult> =>
  await machine.gantry(['trust', ...args]);
interface Rule {
  readonly type: string;
  readonly keyData?: string;
}
const policy = (): { transports: { docker: Record<string, readonly Rule[]> } } =>
  JSON.parse(readFileSync(join(machine.localConfig, 'policy.json'), 'utf8')) as never;

describe('gantry trust --registry', () => {
  it('demands signatures by keys of either kind, once they have been reviewed', async () => {
    const place = '--registry=registry.example/team';
    const unseen = await trust(place, paths.pem);
    expect(unseen).toMatchObject({ exitCode: 254 });
    expect(unseen.stderr).toContain(`gantry trust --skip-fingerprint-review ${place} with it`);

    expect(await trust('--skip-fingerprint-review', place, paths.pem)).toMatchObject({
      exitCode: 0,
    });
    expect(policy().transports.docker['registry.example/team']?.[0]?.type).toBe('sigstoreSigned');
    expect(await trust('--skip-fingerprint-review', place, paths.openpgp)).toMatchObject({
      exitCode: 0,
    });
    expect(policy().transports.docker['registry.example/team']?.[0]?.type).toBe('signedBy');
    const both = await trust('--skip-fingerprint-review', place, paths.pem, paths.openpgp);
    expect(both.stderr).toContain('cannot be named together');
  });

  it('takes the good key of a file that holds one that is no good', async () => {
    const created = new Date('2020-01-01');
    const expired = await makeSigningKey({ name: 'old', created, lifetimeSeconds: 60 });
    const path = join(machine.workDir, 'rotated.asc');
    writeFileSync(path, `${expired.publicKeyArmored}\n${readFileSync(paths.openpgp, 'utf8')}`);
    const place = '--registry=registry.example/rotated';
    const { exitCode, stderr } = await trust('--skip-fingerprint-review', place, path);

    expect(stderr).toContain(`warning: key ${expired.fingerprint} from "${path}" is left out: `);
    expect(exitCode).toBe(0);
    const [rule] = policy().transports.docker['registry.example/rotated'] ?? [];
    const data = Buffer.from(rule?.keyData ?? '', 'base64');
    const [good] = await readPublicKeys(readFileSync(paths.openpgp), { source: paths.openpgp });
    expect(await readPublicKeys(data, { source: 'policy' })).toMatchObject([
      { fingerprint: good?.fingerprint },
    ]);
  });

  it('demands signatures by whom an authority certifies, which a log must have', async () => {
    const place = '--registry=registry.example/team';
    const who = ['--oidc-issuer=https://id.example.com', '--subject-email=me@example.com'];
    const whole = [place, `--fulcio-ca=${paths.ca}`, `--rekor-key=${paths.pem}`, ...who];
    expect((await trust(...whole)).stderr).toContain(
      `--skip-fingerprint-review ${place} --fulcio-ca=${paths.ca} --oidc-issuer=https://id.example.com`,
    );
    const { exitCode, stderr } = await trust('--skip-fingerprint-review', ...whole);
    expect([exitCode, stderr]).toEqual([
      0,
      expect.stringContaining('to be signed by me@example.com, says'),
    ]);
    expect(policy().transports.docker['registry.example/team']).toEqual([
      {
        type: 'sigstoreSigned',
        fulcio: {
          caData: readFileSync(paths.ca).toString('base64'),
          oidcIssuer: 'https://id.example.com',
          subjectEmail: 'me@example.com',
        },
        rekorPublicKeyData: readFileSync(paths.pem).toString('base64'),
        signedIdentity: { type: 'matchRepository' },
      },
    ]);
    expect((await trust('--list')).stdout.toString()).toMatch(
      /^registry\.example\/team +a sigstore signature by me@example\.com \(https:\/\/id/m,
    );
    const key = await trust(
      '--skip-fingerprint-review',
      place,
      `--rekor-key=${paths.pem}`,
      paths.pem,
    );
    expect(key).toMatchObject({ exitCode: 0 });
    expect(policy().transports.docker['registry.example/team']).toMatchObject([
      { keyData: expect.any(String) as string, rekorPublicKeyData: expect.any(String) as string },
    ]);
  });

  it('accepts and rejects without keys, and takes back what it set', async () => {
    const accepted = await trust('--registry=docker.io', '--accept');
    expect(accepted.stderr).toContain('warning: images of docker.io are taken unsigned');
    await trust('--registry=docker.io/library', '--reject');
    const { stdout } = await trust('--list');
    expect(stdout.toString()).toMatch(/^docker\.io +nothing\ndocker\.io\/library +rejected$/m);
    expect(stdout.toString()).toMatch(/^\(all others\) +rejected$/m);
    await trust('--registry=docker.io', '--remove');
    expect(Object.keys(policy().transports.docker)).not.toContain('docker.io');
  });

  it.each<[string, readonly string[], string]>([
    ['no key', ['--registry=a.b'], 'needs a key'],
    ['two wishes', ['--registry=a.b', '--accept', '--reject'], 'exclude each other'],
    ['a key that is rejected', ['--registry=a.b', '--reject', 'x'], 'takes no keys'],
    ['a prefix as well', ['--registry=a.b', '--prefix=a.b', 'x'], 'no meaning beside --registry'],
    ['no place', ['--registry=docker://a.b', '--accept'], 'it is no host, no repository'],
    [
      'half of an authority',
      ['--registry=a.b', '--fulcio-ca=/x'],
      'needs --oidc-issuer, --subject-email, --rekor-key too',
    ],
    [
      'an address alone',
      ['--registry=a.b', '--subject-email=a@b'],
      'flag --subject-email needs --fulcio-ca',
    ],
    [
      'nobody',
      ['--registry=a.b', '--fulcio-ca=/x', '--oidc-issuer=', '--subject-email=', '--rekor-key=/x'],
      'must not be empty',
    ],
    ['an authority and keys', ['--registry=a.b', '--fulcio-ca=/x', 'x'], 'exclude each other'],
    [
      'an authority that is rejected',
      ['--registry=a.b', '--fulcio-ca=/x', '--reject'],
      'exclude each other',
    ],
    [
      'an authority of names',
      ['--prefix=a.b', '--fulcio-ca=/x', 'x'],
      'no meaning without --registry',
    ],
    ['no key in a file', ['--registry=a.b', '/etc/hostname'], 'cannot'],
  ])('refuses %s', async (_what, args, message) => {
    const { exitCode, stderr } = await trust(...args);
    expect(exitCode).toBe(254);
    expect(stderr).toContain(message);
  });

  it('refuses files that hold no certificate, no key, or are not there', async () => {
    const who = ['--oidc-issuer=https://i', '--subject-email=a@b', '--skip-fingerprint-review'];
    const by = async (ca: string, log: string): Promise<string> =>
      (await trust('--registry=a.b', `--fulcio-ca=${ca}`, `--rekor-key=${log}`, ...who)).stderr;
    expect(await by(paths.pem, paths.pem)).toContain(
      `cannot use "${paths.pem}": there is none in it`,
    );
    expect(await by(paths.ca, paths.openpgp)).toContain('it is no public key');
    expect(await by('/nowhere', paths.pem)).toContain('cannot read key "/nowhere"');
    const openpgp = await trust(
      '--registry=a.b',
      `--rekor-key=${paths.pem}`,
      '--skip-fingerprint-review',
      paths.openpgp,
    );
    expect(openpgp.stderr).toContain('no meaning for OpenPGP keys');
    expect(Object.keys(policy().transports.docker)).not.toContain('a.b');
  });

  it('writes down no private key', async () => {
    const flags = ['--registry=a.b', '--skip-fingerprint-review'];
    for (const keys of [[paths.secret], [paths.pem, `--rekor-key=${paths.secret}`]]) {
      const { exitCode, stderr } = await trust(...flags, ...keys);
      expect(exitCode).toBe(254);
      expect(stderr).toContain(`in "${paths.secret}": there is a private key in it`);
    }
    expect(Object.keys(policy().transports.docker)).not.toContain('a.b');
  });

  it('says where the policy is broken, and leaves it', async () => {
    const path = join(machine.localConfig, 'policy.json');
    writeFileSync(path, '{\n "default": [\n  {"type": "rejekt"}]}');
    const { exitCode, stderr } = await trust('--registry=a.b', '--accept');
    expect(exitCode).toBe(254);
    expect(stderr).toContain(`cannot use the policy in "${path}", line 3`);
    expect(stderr).not.toContain('are taken unsigned');
    expect(readFileSync(path, 'utf8')).toContain('rejekt');
  });
});
