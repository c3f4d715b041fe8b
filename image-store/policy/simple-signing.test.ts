import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GpgHome, openGpgHome } from '../../test/helpers/gpg.ts';
import { loadOpenPgpKeys, verifySimpleSignature } from './simple-signing.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const DAY_MS = 86_400_000;

const CLAIM = {
  critical: {
    type: 'atomic container signature',
    image: { 'docker-manifest-digest': DIGEST },
    identity: { 'docker-reference': 'example.com/team/app:1' },
  },
  optional: { creator: 'somebody 1.0', timestamp: 1_700_000_000 },
};

describe('verifySimpleSignature()', () => {
  let gpg: GpgHome;
  let dir: string;
  let good: string;
  let stranger: string;
  beforeAll(() => {
    gpg = openGpgHome();
    dir = mkdtempSync(join(tmpdir(), 'gantry-simple-'));
    good = gpg.newKey({ name: 'good', at: new Date(Date.now() - DAY_MS) });
    stranger = gpg.newKey({ name: 'stranger' });
  });
  afterAll(() => {
    gpg[Symbol.dispose]();
    rmSync(dir, { recursive: true });
  });

  /** What gpg makes of a text, with `--sign` unless told. */
  function sign(text: string, options: readonly string[] = [], key = `${good}!`): Uint8Array {
    const [from, to] = [join(dir, 'claim'), join(dir, 'claim.sig')];
    writeFileSync(from, text);
    rmSync(to, { force: true });
    const how = options.some((each) => each.startsWith('--store')) ? [] : ['--sign'];
    gpg.run(['--local-user', key, '--output', to, ...options, ...how, from]);
    return readFileSync(to);
  }
  const verify = async (
    signature: Uint8Array,
    { keys = [good], now = Date.now() }: { keys?: readonly string[]; now?: number } = {},
  ) => {
    const data = keys.map((key) => gpg.exportKey(key, false));
    return await verifySimpleSignature(signature, await loadOpenPgpKeys({ paths: [], data }), now);
  };

  it.each([
    ['as gpg makes it', []],
    ['that is not compressed', ['--compress-algo', 'none']],
    ['by a key on a curve over SHA-512', ['--digest-algo', 'SHA512']],
  ])('takes a signature %s', async (_what, options) => {
    expect(await verify(sign(JSON.stringify(CLAIM), options))).toEqual({
      digest: DIGEST,
      reference: 'example.com/team/app:1',
      fingerprint: good,
    });
  });

  it('takes one by a subkey, of any of several keys', async () => {
    const subkey = gpg.addSigningSubkey(good);
    const signature = sign(JSON.stringify(CLAIM), [], `${subkey}!`);
    expect((await verify(signature, { keys: [stranger, good] })).fingerprint).toBe(good);
  });

  it.each<[string, string, () => Uint8Array]>([
    ['by a stranger', 'KEY_UNKNOWN', () => sign(JSON.stringify(CLAIM), [], stranger)],
    [
      'over a weak hash',
      'SIGNATURE_INVALID',
      () => sign(JSON.stringify(CLAIM), ['--digest-algo', 'SHA1']),
    ],
    ['of nobody', 'SIGNATURE_MALFORMED', () => sign(JSON.stringify(CLAIM), ['--store'])],
    [
      'that is detached',
      'SIGNATURE_MALFORMED',
      () => sign(JSON.stringify(CLAIM), ['--detach-sign']),
    ],
    [
      'by two',
      'SIGNATURE_MALFORMED',
      () => sign(JSON.stringify(CLAIM), ['--local-user', stranger]),
    ],
    ['that is no such thing', 'SIGNATURE_MALFORMED', () => Buffer.from('hello')],
    ['of no JSON', 'SIGNATURE_MALFORMED', () => sign('hello')],
    [
      'of another kind of claim',
      'SIGNATURE_MALFORMED',
      () => sign(JSON.stringify(CLAIM).replace('atomic', 'nuclear')),
    ],
    [
      'with something unknown that is critical',
      'SIGNATURE_MALFORMED',
      () => sign(JSON.stringify({ ...CLAIM, critical: { ...CLAIM.critical, until: 1 } })),
    ],
    [
      'with a name twice',
      'SIGNATURE_MALFORMED',
      () => sign(JSON.stringify(CLAIM).replace('{"critical"', '{"optional":{},"critical"')),
    ],
    [
      'of more than a claim takes',
      'SIGNATURE_MALFORMED',
      () => sign(JSON.stringify({ ...CLAIM, optional: { long: 'x'.repeat(10_000_000) } })),
    ],
  ])('refuses one %s', async (_what, code, make) => {
    await expect(verify(make())).rejects.toThrow(expect.objectContaining({ code }) as Error);
  });

  it('refuses one of which a byte was changed', async () => {
    const signature = Buffer.from(sign(JSON.stringify(CLAIM), ['--compress-algo', 'none']));
    const at = signature.indexOf('team');
    signature.write('Team', at);
    await expect(verify(signature)).rejects.toThrow(
      expect.objectContaining({ code: 'SIGNATURE_INVALID' }) as Error,
    );
  });

  it('refuses one that has expired, is from the future, or is by a key that has expired or is revoked', async () => {
    const refused = async (code: string, ...args: Parameters<typeof verify>): Promise<void> => {
      await expect(verify(...args)).rejects.toThrow(expect.objectContaining({ code }) as Error);
    };
    const short = sign(JSON.stringify(CLAIM), ['--default-sig-expire', '1d']);
    await refused('SIGNATURE_INVALID', short, { now: Date.now() + 2 * DAY_MS });
    await refused('SIGNATURE_INVALID', short, { now: Date.now() - DAY_MS / 2 });

    const brief = gpg.newKey({ name: 'brief', expire: '1d' });
    const byBrief = sign(JSON.stringify(CLAIM), [], brief);
    await refused('KEY_EXPIRED', byBrief, { keys: [brief], now: Date.now() + 2 * DAY_MS });
    const revoked = gpg.newKey({ name: 'revoked' });
    const byRevoked = sign(JSON.stringify(CLAIM), [], revoked);
    gpg.revoke(revoked);
    await refused('KEY_REVOKED', byRevoked, { keys: [revoked] });
  });
});
