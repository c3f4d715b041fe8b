import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { parseAcIdentifier } from '#schema/types/names';
import { makeSigningKey, type SigningKey } from '../../test/helpers/signing.ts';
import { makeTrustHost } from '../../test/helpers/trust-host.ts';
import { offerKeys } from './key-offers.ts';
import { readPublicKeys } from './key-review.ts';
import { createVerifier } from './verifier.ts';

const BODY = Buffer.from('an image');
const RUNS = { numRuns: 400 };

/** Bytes like those given, with some of them changed, taken out, doubled or cut off. */
function mutationsOf(original: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat(original.length - 1);
  const change = fc.tuple(
    at,
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom('set', 'insert', 'remove', 'cut', 'double'),
  );

  return fc.array(change, { minLength: 1, maxLength: 6 }).map((changes) =>
    changes.reduce<Uint8Array>((bytes, [where, value, how]) => {
      const head = bytes.subarray(0, where);
      const tail = bytes.subarray(where);
      if (how === 'cut') return head;
      if (how === 'insert') return Buffer.concat([head, Buffer.of(value), tail]);
      if (how === 'remove') return Buffer.concat([head, tail.subarray(1)]);
      if (how === 'double') return Buffer.concat([bytes, tail]);
      return Buffer.concat([head, Buffer.of(value), tail.subarray(1)]);
    }, original),
  );
}

/** Whatever happens must be a result or an error of ours with words for the user. */
async function endsWell(attempt: () => Promise<unknown>): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    if (!isGantryError(error)) throw error;
    expect(error.hint).toBeTruthy();
  }
}

describe('hostile bytes', () => {
  let keys: readonly SigningKey[];
  beforeAll(async () => {
    keys = await Promise.all([
      makeSigningKey({ name: 'Four', subkey: {} }),
      makeSigningKey({ name: 'Six', version: 6, kind: 'new-ed25519' }),
      makeSigningKey({ name: 'RSA', kind: 'rsa2048' }),
    ]);
  });

  test('createVerifier() ends with GantryErrors on any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        await endsWell(async () => await createVerifier(bytes));
      }),
      RUNS,
    );
  });

  test('a changed signature is refused with a GantryError, or is the same signature still', async () => {
    using host = makeTrustHost();
    for (const { fingerprint, publicKeyArmored: content } of keys)
      host.put({ fingerprint, content });

    for (const key of keys) {
      for (const armored of [false, true]) {
        const signature = await key.sign(BODY, { armored });
        await fc.assert(
          fc.asyncProperty(mutationsOf(signature), async (changed) => {
            await endsWell(async () => {
              const accepted = await host.verify({ signature: changed, body: BODY });
              expect(accepted.fingerprint).toBe(key.fingerprint);
            });
          }),
          { numRuns: 150 },
        );
      }
    }
  });

  test('no changed signature makes another file pass', async () => {
    using host = makeTrustHost();
    for (const { fingerprint, publicKeyArmored: content } of keys)
      host.put({ fingerprint, content });
    const other = Buffer.from('another image');

    for (const key of keys) {
      const signature = await key.sign(BODY, { armored: false });
      await fc.assert(
        fc.asyncProperty(mutationsOf(signature), async (changed) => {
          await expect(host.verify({ signature: changed, body: other })).rejects.toSatisfy(
            (error) => isGantryError(error),
          );
        }),
        { numRuns: 150 },
      );
    }
  });

  test('readPublicKeys() ends with GantryErrors on any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        await endsWell(async () => await readPublicKeys(bytes, { source: 'fuzz' }));
      }),
      RUNS,
    );
  });

  test('a changed key is read or refused with a GantryError', async () => {
    for (const key of keys) {
      for (const bytes of [key.publicKey.write(), Buffer.from(key.publicKeyArmored)]) {
        await fc.assert(
          fc.asyncProperty(mutationsOf(bytes), async (changed) => {
            await endsWell(async () => await readPublicKeys(changed, { source: 'fuzz' }));
          }),
          { numRuns: 150 },
        );
      }
    }
  });

  test('a changed key beside the same one unchanged is offered merged or left out', async () => {
    for (const key of keys) {
      const data = key.publicKey.write();
      await fc.assert(
        fc.asyncProperty(mutationsOf(data), async (changed) => {
          const files = [changed, data].map((each) => ({ source: 'fuzz', data: each }));
          const { offers, leftOut } = await offerKeys(files);

          expect(offers.length + leftOut.length).toBeGreaterThan(0);
        }),
        { numRuns: 150 },
      );
    }
  });

  test('a changed key among the trusted ones is used as it was or refused with a GantryError', async () => {
    using host = makeTrustHost();
    const name = parseAcIdentifier('example.com/web');
    for (const key of keys) {
      const { fingerprint } = key;
      const signature = await key.sign(BODY);
      await fc.assert(
        fc.asyncProperty(mutationsOf(key.publicKey.write()), async (content) => {
          host.put({ fingerprint, content });
          await endsWell(async () => await host.verify({ signature, body: BODY }));
          await endsWell(async () => await host.trust.examine({ fingerprint, name }));
        }),
        { numRuns: 100 },
      );
    }
  });
});
