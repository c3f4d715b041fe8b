import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the real gpg is asked to make. */
export interface GpgKeyRequest {
  /** The user id. */
  readonly name: string;
  /** As `--quick-generate-key` takes it: `ed25519`, `rsa2048`, `dsa2048`, … */
  readonly algorithm?: string | undefined;
  /** `sign` unless told; `cert` for a primary key that only certifies. */
  readonly usage?: string | undefined;
  /** `never` unless told; else as gpg takes it: `1d`, `2y`. */
  readonly expire?: string | undefined;
  /** The clock gpg is told, the real one unless given. */
  readonly at?: Date | undefined;
}

export interface GpgSignRequest {
  /** Whose key, as gpg's `--local-user`: a fingerprint; with `!` exactly that subkey. */
  readonly key: string;
  readonly file: string;
  readonly out: string;
  readonly armored?: boolean | undefined;
  readonly at?: Date | undefined;
  /** More options: `--digest-algo`, `SHA1`, … */
  readonly options?: readonly string[] | undefined;
}

/** A GnuPG home of a test's own; disposing of it ends its agent and removes it. */
export interface GpgHome extends Disposable {
  readonly dir: string;
  /** @returns fingerprint of the primary key, lower-case hexadecimal */
  newKey(request: GpgKeyRequest): string;
  /** Of the primary key of a user id, lower-case hexadecimal. */
  fingerprintOf(name: string): string;
  /** Adds a subkey that signs. @returns its fingerprint */
  addSigningSubkey(fingerprint: string, expire?: string): string;
  /** Puts gpg's own revocation certificate into effect. */
  revoke(fingerprint: string): void;
  exportKey(fingerprint: string, armored?: boolean): Buffer;
  sign(request: GpgSignRequest): void;
  /** Whatever else. @returns stdout */
  run(args: readonly string[], options?: { at?: Date | undefined; input?: string }): Buffer;
}

/** Makes an empty GnuPG home. */
export function openGpgHome(): GpgHome {
  // Short, since the agent's socket lies in it and its path may have 107 bytes.
  const dir = mkdtempSync(join(tmpdir(), 'gpg-'));
  const env = { ...process.env, GNUPGHOME: dir, LC_ALL: 'C' };
  const run: GpgHome['run'] = (args, { at, input = '' } = {}) =>
    execFileSync('gpg', [...BATCH, ...clock(at), ...args], { env, input, stdio: 'pipe' });
  const fingerprints = (key: string): string[] =>
    run(['--with-colons', '--with-subkey-fingerprint', '--list-keys', key])
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('fpr:'))
      .map((line) => (line.split(':')[9] ?? '').toLowerCase());

  return {
    dir,
    run,
    newKey({ name, algorithm = 'ed25519', usage = 'sign', expire = 'never', at }) {
      run(['--quick-generate-key', name, algorithm, usage, expire], { at });
      return fingerprints(`=${name}`)[0] ?? '';
    },
    fingerprintOf: (name) => fingerprints(`=${name}`)[0] ?? '',
    addSigningSubkey(fingerprint, expire = 'never') {
      run(['--quick-add-key', fingerprint, 'ed25519', 'sign', expire]);
      return fingerprints(fingerprint).at(-1) ?? '';
    },
    revoke(fingerprint) {
      const file = join(dir, 'openpgp-revocs.d', `${fingerprint.toUpperCase()}.rev`);
      const certificate = readFileSync(file, 'utf8').replace(':-----BEGIN', '-----BEGIN');
      run(['--import'], { input: certificate });
    },
    exportKey: (key, armored = true) => run([...(armored ? ['--armor'] : []), '--export', key]),
    sign({ key, file, out, armored = true, at, options = [] }) {
      const kind = armored ? ['--armor'] : [];
      run([...options, ...kind, '-u', key, '-o', out, '--detach-sign', file], { at });
    },
    [Symbol.dispose]() {
      execFileSync('gpgconf', ['--kill', 'all'], { env, stdio: 'ignore' });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const BATCH = [
  '--batch',
  '--no-tty',
  '--yes',
  '--quiet',
  '--pinentry-mode',
  'loopback',
  '--passphrase',
  '',
];

function clock(at: Date | undefined): readonly string[] {
  if (at === undefined) return [];

  const stamp = at.toISOString().replaceAll(/[-:]|\.\d+Z$/g, '');
  return ['--faked-system-time', `${stamp}!`];
}
