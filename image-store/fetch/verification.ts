import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import type { AcIdentifier } from '#schema/types/names';
import { makeTempEntry } from '../blobs/temp-entry.ts';
import { storeError } from '../format/permissions.ts';
import type { Acceptance } from '../index/image-record.ts';
import { createVerifier } from '../trust/index.ts';
import type { Verifier } from '../trust/trust-types.ts';
import { demandKnownIssuer } from './keys.ts';
import type { FetchSession } from './session.ts';

/** How an image was accepted, without when and from where. */
export type Judgement = Pick<Acceptance, 'how' | 'fingerprint' | 'signedBy' | 'prefix'>;

/** Watches the bytes of an image go by, as they were sent, and decides in the end. */
export interface Verification extends AsyncDisposable {
  take(chunk: Buffer): void | Promise<void>;
  /**
   * After all bytes went by.
   * @throws GantryError with one of `TrustRefusal`
   */
  judge(name: AcIdentifier): Promise<Judgement>;
}

/** No signature is asked for. */
export function unverified(how: 'insecure' | 'builtin'): Verification {
  return {
    take: () => {},
    judge: async () => await Promise.resolve({ how }),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Who an image is, where that is known before it is fetched. */
export interface Expected {
  readonly name?: AcIdentifier | undefined;
}

/**
 * Checks a signature that is at hand, its issuer at once.
 * @throws GantryError with one of `TrustRefusal`
 */
export async function verifyBy(
  session: FetchSession,
  signature: Uint8Array,
  { name }: Expected,
): Promise<Verification> {
  const verifier = await createVerifier(signature, { now: session.now });
  if (name !== undefined) await demandKnownIssuer(session, verifier, name);

  return {
    take: (chunk) => verifier.update(chunk),
    judge: async (imageName) => await finish(session, verifier, imageName),
    [Symbol.asyncDispose]: async () => {},
  };
}

/**
 * Checks a signature that the server makes while the image is fetched: the
 * image is kept in the store's tmp/ as it came until there is a signature.
 */
export async function verifyLater(
  session: FetchSession,
  askAgain: () => Promise<Uint8Array>,
): Promise<Verification> {
  const { kernel, store } = session.context;
  const inStore = async <Value>(action: () => Promise<Value>): Promise<Value> => {
    try {
      return await action();
    } catch (error) {
      throw storeError(error, store.dir);
    }
  };
  const entry = await inStore(async () => makeTempEntry(kernel, store.dir, 'fetch'));
  const path = join(entry.path, 'image');
  const file = await inStore(async () => await open(path, 'wx', 0o600));

  return {
    take: async (chunk) => await inStore(async () => await file.writeFile(chunk)),
    judge: async (name) => {
      const verifier = await createVerifier(await askAgain(), { now: session.now });
      await demandKnownIssuer(session, verifier, name);
      for await (const chunk of createReadStream(path, { highWaterMark: REREAD })) {
        verifier.update(chunk as Buffer);
      }
      return await finish(session, verifier, name);
    },
    [Symbol.asyncDispose]: async () => {
      await file.close();
      entry.remove();
    },
  };
}

const REREAD = 1024 * 1024;

async function finish(
  session: FetchSession,
  verifier: Verifier,
  name: AcIdentifier,
): Promise<Judgement> {
  const { trust } = session.context;
  await demandKnownIssuer(session, verifier, name);
  const { fingerprint, signedBy, prefix } = await verifier.finish(trust, name);

  return { how: 'signed', fingerprint, signedBy, prefix };
}

/** Why a signature is asked for that is not there. */
export interface Missing {
  /** Which image needs the one that has none, if that was not asked for itself. */
  readonly dependant?: AcIdentifier | undefined;
  readonly cause?: unknown;
}

/** There is no signature where one has to be. */
export function signatureMissing(
  what: string,
  place: string,
  { dependant, cause }: Missing = {},
): GantryError {
  const giveOne =
    dependant === undefined
      ? 'give one with --signature,'
      : `fetch ${what} by itself first, with --signature, then go on with --pull-policy=new;`;

  return new GantryError(
    'SIGNATURE_MISSING',
    `cannot verify ${what}: there is no signature at "${place}"`,
    { hint: `${giveOne} or use --insecure-options=image`, cause },
  );
}
