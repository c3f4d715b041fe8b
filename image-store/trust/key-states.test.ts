import { constants, rmSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { makeSigningKey, type SigningKeyRequest } from '../../test/helpers/signing.ts';
import { makeTrustHost, type TrustHost } from '../../test/helpers/trust-host.ts';

const K = 'a'.repeat(40);
const BODY = Buffer.from('an image');

let host: TrustHost;
beforeEach(() => {
  host = makeTrustHost();
});
afterEach(() => host[Symbol.dispose]());

async function states(): Promise<readonly (readonly [fingerprint: string, state: string])[]> {
  return (await host.trust.listStates()).map(({ fingerprint, state }) => [fingerprint, state]);
}

describe('listStates()', () => {
  const requests: readonly (readonly [string, Omit<SigningKeyRequest, 'name'>])[] = [
    ['trusted', {}],
    ['expired', { created: new Date('2020-01-01'), lifetimeSeconds: 60 }],
    ['revoked', { revoked: 'compromised' }],
    ['not yet valid', { created: new Date('2090-01-01') }],
    ['weak', { kind: 'rsa1024' }],
  ];
  for (const [state, request] of requests) {
    test(`a key with ${JSON.stringify(request)} is ${state}, as a signature by it is`, async () => {
      const key = await makeSigningKey({ name: 'Somebody', ...request });
      host.put({ fingerprint: key.fingerprint, content: key.publicKeyArmored });
      // The library signs with no key before its time or after it.
      const at = new Date((request.created?.getTime() ?? Date.now() - 3_600_000) + 30_000);
      const attempt = host.verify({ signature: await key.sign(BODY, { at }), body: BODY });
      const isAccepted = await attempt.then(
        () => true,
        () => false,
      );

      expect(await states()).toEqual([[key.fingerprint, state]]);
      expect(isAccepted).toBe(state === 'trusted');
    });
  }

  test('a file that is no key, and one of another key than its name says, are unusable', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    host.put({ fingerprint: K, content: 'junk' });
    host.put({ fingerprint: 'b'.repeat(40), content: key.publicKeyArmored });

    expect(await states()).toEqual([
      [K, 'unusable'],
      ['b'.repeat(40), 'unusable'],
    ]);
  });

  test('a FIFO is unusable and no mask, and nobody waits for what comes out of it', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const path = host.put({ fingerprint: key.fingerprint, content: '' });
    rmSync(path);
    linuxKernel.makeNode(path, constants.S_IFIFO | 0o600);

    expect(await states()).toEqual([[key.fingerprint, 'unusable']]);
    const attempt = host.verify({ signature: await key.sign(BODY), body: BODY });
    await expect(attempt).rejects.toMatchObject({
      code: 'KEY_FILE_INVALID',
      message: `cannot read the public key "${path}": not a regular file`,
    });
  });

  test('a key that is hidden or replaced is not judged by itself', async () => {
    const key = await makeSigningKey({ name: 'Somebody' });
    const { fingerprint, publicKeyArmored: content } = key;
    host.put({ layer: 'system', fingerprint, content });
    host.put({ layer: 'local', fingerprint, content });
    expect(await states()).toEqual([
      [fingerprint, 'replaced'],
      [fingerprint, 'trusted'],
    ]);

    const mask = host.put({ layer: 'local', fingerprint, content: '' });
    expect(await states()).toEqual([
      [fingerprint, 'masked'],
      [fingerprint, 'mask'],
    ]);

    rmSync(mask);
    symlinkSync('/dev/null', mask);
    expect(await states()).toEqual([
      [fingerprint, 'masked'],
      [fingerprint, 'mask'],
    ]);
  });
});
