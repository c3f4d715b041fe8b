import { errorMessage, isGantryError } from '#base/errors/gantry-error';
import type { Descriptor } from '#schema/oci/descriptor';
import type { OciDigest } from '#schema/oci/digest';
import { digestAlgorithm, isOciDigest } from '#schema/oci/digest';
import { digestOfBytes } from '#schema/oci/digest-bytes';
import { MAX_MANIFEST_BYTES } from '#schema/oci/manifest';
import type { Answer, Sending, SentBody } from '../fetch/exchange.ts';
import type { HttpClient } from '../fetch/http-client.ts';
import { asSending, fetchFailure, isTransient } from '../fetch/http-failure.ts';
import { DEFAULT_RETRIES, pause } from '../fetch/retry.ts';
import { inOnePiece } from '../work/in-one-piece.ts';
import { accessTo, type RegistryOptions, type RepositoryName } from './repository-access.ts';
import { uploadTarget } from './upload-target.ts';

/** A repository that takes blobs and manifests: OCI distribution specification 1.1, "Push". */
export interface Uploads {
  /** Whether it has a blob. */
  hasBlob(digest: OciDigest): Promise<boolean>;
  /**
   * Has the registry take a blob over from another repository of it, where it
   * will, or sends it, from its beginning again after a failure that may pass.
   * @returns whether it was taken over
   */
  putBlob(blob: OutgoingBlob): Promise<boolean>;
  /**
   * Puts a manifest under a tag or its digest, its blobs being there.
   * @throws GantryError FETCH_REFUSED when what the registry has then is not that, and other failures
   */
  putManifest(reference: string, manifest: SentManifest): Promise<void>;
}

export interface OutgoingBlob extends Pick<SentBody, 'open'> {
  readonly descriptor: Descriptor;
  /** A repository that may have it. */
  readonly from?: string | undefined;
}

export interface SentManifest {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
}

/** Opens a repository to push to; nothing is sent before something is asked for. */
export function openUploads(name: RepositoryName, options: RegistryOptions): Uploads {
  const { client, address } = accessTo(name, options, 'push');

  return {
    async hasBlob(digest) {
      const url = await address(`blobs/${digest}`);
      const answer = await send(client, url, { method: 'HEAD', accept: [404] });
      answer.leave();
      return answer.status === 200;
    },

    putBlob: async (blob) =>
      await putBlob({ client, options }, await address('blobs/uploads/'), blob),
    putManifest: async (reference, manifest) =>
      await putManifest(client, await address(`manifests/${reference}`), manifest),
  };
}

interface Sent extends Sending {
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses that are no failures; 200 is none either, and means something to nobody but HEAD. */
  readonly accept: readonly number[];
}

async function send(
  client: HttpClient,
  url: URL,
  { headers, accept, ...sending }: Sent,
): Promise<Answer> {
  const answer = await client.get(url, { sending, headers, accept });
  if (answer.status !== 200 || sending.method === 'HEAD') return answer;

  answer.leave();
  throw asSending(fetchFailure('FETCH_REFUSED', url, { state: 'the server answered 200' }));
}

interface Place {
  /** That proves who one is to the registry. */
  readonly client: HttpClient;
  readonly options: RegistryOptions;
}

async function putBlob(place: Place, url: URL, blob: OutgoingBlob): Promise<boolean> {
  const { client, options } = place;
  const retries = { ...DEFAULT_RETRIES, ...options.retries };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const begun = (await mount(client, url, blob)) ?? (await begin(client, url));
      begun.leave();
      if (begun.status === 201) return true;
      await sendBlob(place, begun, blob);
      return false;
    } catch (error) {
      if (attempt >= retries.attempts || !mayPass(error, attempt)) throw error;
      options.log.debug(`sending again: ${errorMessage(error)}`);
    }
    await pause(retries, { attempt, signal: options.signal });
  }
}

const begin = async (client: HttpClient, url: URL): Promise<Answer> =>
  await send(client, url, { method: 'POST', accept: [202] });

/**
 * 201 says that the registry has the blob, 202 that it has to be sent: "Mounting
 * a blob from another repository". The distribution's own, asked by a digest of
 * 512 bits, says 201 too, and then has it by that of 256 alone.
 */
async function mount(
  client: HttpClient,
  url: URL,
  { descriptor, from }: OutgoingBlob,
): Promise<Answer | undefined> {
  if (from === undefined || digestAlgorithm(descriptor.digest) !== 'sha256') return undefined;
  const mounting = new URL(url);
  mounting.searchParams.set('mount', descriptor.digest);
  mounting.searchParams.set('from', from);
  try {
    return await send(client, mounting, { method: 'POST', accept: [201, 202] });
  } catch (error) {
    // Who may push here need not be one who may read there.
    if (isGantryError(error, 'FETCH_DENIED', 'FETCH_NOT_FOUND', 'FETCH_REFUSED')) return undefined;
    throw error;
  }
}

/** A registry that is being started again refuses connections for a moment. */
function mayPass(error: unknown, attempt: number): boolean {
  return isTransient(error) || (attempt > 1 && isGantryError(error, 'FETCH_UNREACHABLE'));
}

async function sendBlob(
  { client, options }: Place,
  begun: Answer,
  { descriptor: { digest, size }, open }: OutgoingBlob,
): Promise<void> {
  const target = uploadTarget(begun, digest);
  const isOwn = target.origin === begun.url.origin;
  const answer = await send(isOwn ? client : options.client, target, {
    method: 'PUT',
    body: { length: size, open },
    once: true,
    accept: [201, 204, 404, 416],
    headers: { 'content-type': 'application/octet-stream' },
  });
  if (answer.status === 404 || answer.status === 416) {
    answer.leave();
    throw fetchFailure('FETCH_BROKEN', begun.url, { state: 'the registry forgot the upload' });
  }
  answer.leave();
  demandTold(answer, digest);
}

async function putManifest(
  client: HttpClient,
  url: URL,
  { bytes, descriptor: { digest, mediaType } }: SentManifest,
): Promise<void> {
  const answer = await send(client, url, {
    method: 'PUT',
    body: { length: bytes.length, open: () => inOnePiece(bytes) },
    accept: [201],
    headers: { 'content-type': mediaType },
  });
  answer.leave();
  if (demandTold(answer, digest)) return;

  // Registries need not say what they took.
  const { data } = await client.read(url, {
    maxBytes: MAX_MANIFEST_BYTES,
    headers: { accept: mediaType },
  });
  demandSame(url, digestOfBytes(data, digestAlgorithm(digest)), digest);
}

/** @returns whether the registry said what it took */
function demandTold({ url, headers }: Answer, digest: OciDigest): boolean {
  const told = headers.get('docker-content-digest') ?? '';
  if (!isOciDigest(told) || digestAlgorithm(told) !== digestAlgorithm(digest)) return false;
  demandSame(url, told, digest);

  return true;
}

function demandSame(url: URL, found: OciDigest, wanted: OciDigest): void {
  if (found === wanted) return;
  throw fetchFailure('FETCH_REFUSED', url, {
    state: `what the registry has then has the digest ${found}, not ${wanted}`,
  });
}
