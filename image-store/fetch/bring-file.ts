import { resolve } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import type { ImageKey } from '#schema/types/image-hash';
import type { PathReference } from '../reference/reference.ts';
import { refusing } from './refusal.ts';
import { chunksOf, openRegularFile } from './regular-file.ts';
import type { FetchRequest } from './request.ts';
import type { FetchSession } from './session.ts';
import { readSignatureFile } from './signature.ts';
import { takeIn } from './take-in.ts';
import { signatureMissing, unverified, type Verification, verifyBy } from './verification.ts';

/**
 * Brings an archive of this machine into the store.
 * @throws GantryError IMAGE_FILE_UNREADABLE, SIGNATURE_MISSING, whatever the image is refused for
 */
export async function bringFile(
  session: FetchSession,
  { path }: PathReference,
  request: Pick<FetchRequest, 'signature' | 'acceptAs'>,
): Promise<ImageKey> {
  await using file = await openRegularFile(path, (state, cause) => unreadable(path, state, cause));
  const what = `image "${path}"`;
  await using verification = await refusing(
    what,
    async () => await verificationOf(session, path, request),
  );
  const { size } = await file.stat();
  const source = resolve(path);

  return await takeIn(session, {
    chunks: chunksOf(file),
    total: size,
    verification,
    what,
    source,
    latest: false,
  });
}

function unreadable(path: string, state: string, cause?: unknown): GantryError {
  return new GantryError('IMAGE_FILE_UNREADABLE', `cannot read image "${path}": ${state}`, {
    hint: 'look at the path; it leads to an .aci file',
    cause,
  });
}

async function verificationOf(
  session: FetchSession,
  path: string,
  { signature, acceptAs }: Pick<FetchRequest, 'signature' | 'acceptAs'>,
): Promise<Verification> {
  const what = `image "${path}"`;
  if (acceptAs !== undefined) return unverified(acceptAs);
  if (session.insecure.image) {
    session.warn(`the signature of ${what} is not checked`);
    return unverified('insecure');
  }

  const place = signature ?? `${path}.asc`;
  const bytes = await readSignatureFile(place);
  if (bytes === undefined) throw signatureMissing(what, place);
  return await verifyBy(session, bytes, {});
}
