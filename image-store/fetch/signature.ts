import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import type { HttpClient } from './http-client.ts';
import { brief, shown } from './http-failure.ts';
import { openRegularFile } from './regular-file.ts';
import { wait } from './retry.ts';
import type { FetchSession } from './session.ts';
import {
  type Expected,
  type Missing,
  signatureMissing,
  type Verification,
  verifyBy,
  verifyLater,
} from './verification.ts';

/** A signature is about a kilobyte; one by many keys, some. */
const MAX_SIGNATURE_BYTES = 1024 * 1024;

/**
 * Reads a signature file of this machine.
 * @returns undefined when there is none
 * @throws GantryError SIGNATURE_UNREADABLE
 */
export async function readSignatureFile(path: string): Promise<Buffer | undefined> {
  const refused = (state: string, cause?: unknown): GantryError =>
    new GantryError('SIGNATURE_UNREADABLE', `cannot read signature "${path}": ${state}`, {
      cause,
      hint: 'give the file that "gpg --detach-sign" writes',
    });
  try {
    await using file = await openRegularFile(path, refused);
    const { size } = await file.stat();
    if (size <= MAX_SIGNATURE_BYTES) return await file.readFile();
  } catch (error) {
    if (!isGantryError(error)) throw refused(fileState(error), error);
    if (errorCode(error.cause) === 'ENOENT') return undefined;
    throw error;
  }

  throw refused(`it has more than ${MAX_SIGNATURE_BYTES} bytes`);
}

/** Where a signature lies on a server, and what it is of. */
export interface SignatureRequest extends Expected, Pick<Missing, 'dependant'> {
  readonly url: URL;
  /** Where the image itself lies. */
  readonly image: URL;
  /** The image as errors name it. */
  readonly what: string;
}

/**
 * Fetches the signature of an image. Where the server answers 202 it makes it
 * yet, and is asked again after the image (fact sheet 4.5).
 * @throws GantryError FETCH_NOT_FOUND when the image is not there either, SIGNATURE_MISSING, a `FetchFailure`, a `TrustRefusal`
 */
export async function fetchSignature(
  session: FetchSession,
  request: SignatureRequest,
): Promise<Verification> {
  const signature = await ask(session, request);
  if (signature !== undefined) return await verifyBy(session, signature, request);

  return await verifyLater(session, async () => await askAgain(session, request));
}

/** @returns undefined for "not yet" */
async function ask(
  { client }: FetchSession,
  { url, image, what, dependant }: SignatureRequest,
): Promise<Buffer | undefined> {
  try {
    const options = { accept: [202], maxBytes: MAX_SIGNATURE_BYTES };
    const { answer, data } = await client.read(url, options);
    return answer.status === 202 ? undefined : data;
  } catch (error) {
    if (isGantryError(error, 'FETCH_NOT_FOUND')) {
      await demandThere(client, image);
      throw signatureMissing(what, brief(shown(url)), { dependant, cause: error });
    }
    throw error;
  }
}

/**
 * Demands that something is at an address. It is asked for a byte of it, since some servers refuse HEAD.
 * @throws GantryError FETCH_NOT_FOUND, FETCH_CANCELLED; another answer says nothing about that
 */
async function demandThere(client: Pick<HttpClient, 'get'>, url: URL): Promise<void> {
  try {
    const answer = await client.get(url, { headers: { range: 'bytes=0-0' }, accept: [206, 416] });
    answer.leave();
  } catch (error) {
    if (!isGantryError(error) || isGantryError(error, 'FETCH_NOT_FOUND', 'FETCH_CANCELLED')) {
      throw error;
    }
  }
}

/** Milliseconds between two questions for a signature that is being made. */
const NOT_YET_PAUSES = [0, 1000, 2000, 4000];

async function askAgain(session: FetchSession, request: SignatureRequest): Promise<Buffer> {
  for (const pause of NOT_YET_PAUSES) {
    await wait(pause, session.context.signal);
    const signature = await ask(session, request);
    if (signature !== undefined) return signature;
  }

  const place = brief(shown(request.url));
  throw new GantryError(
    'SIGNATURE_MISSING',
    `cannot verify ${request.what}: the server still makes the signature at "${place}"`,
    { hint: 'try again later' },
  );
}
