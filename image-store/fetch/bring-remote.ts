import { causeChain, GantryError, isGantryError, redact } from '#base/errors/gantry-error';
import type { ImageKey } from '#schema/types/image-hash';
import { labelValue } from '#schema/types/labels';
import { discover } from '../discovery/discover.ts';
import { type Endpoint, signatureUrl } from '../discovery/template.ts';
import type { RemoteRecord } from '../index/image-record.ts';
import { formatImageName, type ImageName } from '../reference/image-name.ts';
import type { NameReference, UrlReference } from '../reference/reference.ts';
import { isAcceptable } from './acceptable.ts';
import { askInOrder, isUnfetched } from './ask-in-order.ts';
import { isAsked } from './asked.ts';
import type { Need } from './dependencies.ts';
import { type DownloadRequest, openDownload, type Unchanged } from './download.ts';
import { brief, shown } from './http-failure.ts';
import { recordUrl } from './remote-url.ts';
import { refusing } from './refusal.ts';
import type { FetchRequest } from './request.ts';
import type { FetchSession } from './session.ts';
import { fetchSignature, readSignatureFile } from './signature.ts';
import { takeIn } from './take-in.ts';
import { signatureMissing, unverified, type Verification, verifyBy } from './verification.ts';

/** An image that is in the store now. */
export interface Brought {
  readonly key: ImageKey;
  /** Whether it had to be fetched. */
  readonly fetched: boolean;
}

type Wishes = Pick<FetchRequest, 'signature'> & Partial<Pick<Need, 'size' | 'dependant'>>;

/** One place an image is fetched from. */
interface Errand {
  readonly endpoint: Endpoint;
  readonly wishes: Wishes;
  /** The image as errors name it. */
  readonly what: string;
  readonly asked?: ImageName | undefined;
}

/**
 * Brings an image by name into the store, from the first endpoint that works.
 * @throws GantryError DISCOVERY_FAILED, a `FetchFailure`, whatever the image is refused for
 */
export async function bringNamed(
  session: FetchSession,
  asked: NameReference,
  wishes: Wishes,
): Promise<Brought> {
  const { client, insecure, context } = session;
  const discovery = { client, log: context.log, allowHttp: insecure.http };
  const endpoints = await discover(discovery, asked);
  const what = `image "${asked.text}"`;

  return await askInOrder({
    what,
    places: endpoints,
    ask: async (endpoint) => {
      try {
        return await bringFrom(session, { endpoint, wishes, what, asked });
      } catch (error) {
        throw isGantryError(error, 'FETCH_NOT_FOUND') ? notThere(error, asked, wishes) : error;
      }
    },
    // One that serves a wrong image is not passed over in silence.
    mayGoOn: (error) => isUnfetched(error) || isGantryError(error, 'SIGNATURE_MISSING'),
  });
}

/** Discovery made the address: it is the name that can be looked at. */
function notThere(
  { code, message, cause }: GantryError,
  asked: ImageName,
  { dependant }: Wishes,
): GantryError {
  const lookAtName = isLatest(asked)
    ? 'look at the name, or give a version: without one it is "latest" that is asked for'
    : `look at the name, the version and the labels: "${formatImageName(asked)}" was asked for`;
  const hint =
    dependant === undefined
      ? lookAtName
      : `tell the publisher of "${dependant}", or fetch what is missing from elsewhere and go on with --pull-policy=new`;

  return new GantryError(code, message, { hint, cause });
}

/** As `bringNamed`, from the address itself. */
export async function bringUrl(
  session: FetchSession,
  { url }: UrlReference,
  wishes: Wishes,
): Promise<Brought> {
  const endpoint = { image: url, signature: signatureUrl(url) };

  return await bringFrom(session, {
    endpoint,
    wishes,
    what: `image "${brief(redact(shown(url)))}"`,
  });
}

/** So often a file is fetched from its beginning when it changes under our hands. */
const MAX_STARTS = 3;

async function bringFrom(session: FetchSession, errand: Errand): Promise<Brought> {
  for (let starts = 1; ; starts += 1) {
    try {
      return await session.downloads(async () => await bringOnce(session, errand));
    } catch (error) {
      if (!isGantryError(error, 'FETCH_CHANGED')) throw error;
      // What broke it off time and again tells more than why it could not be gone on with.
      if (starts === MAX_STARTS) throw error.cause ?? error;
      session.context.log.info(`fetching anew: ${causeChain(error).join(': ')}`);
    }
  }
}

async function bringOnce(session: FetchSession, errand: Errand): Promise<Brought> {
  const { store } = session.context;
  const { endpoint, asked } = errand;
  const kept = await keptRemote(session, errand);
  if (kept !== undefined && isFresh(kept, session.now())) return confirm(session, errand, kept);

  await using verification = await refusing(
    errand.what,
    async () => await verificationFor(session, errand),
  );
  const answer = await openDownload(downloadOf(session, endpoint.image, kept?.etag));
  if ('unchanged' in answer) {
    if (kept === undefined) throw new Error('an answer of 304 to a question without condition');
    store.putRemote(refreshed(kept, answer.unchanged, session.now()));
    return confirm(session, errand, kept);
  }

  const { download } = answer;
  const key = await takeIn(session, {
    chunks: download.chunks(),
    total: download.total,
    size: errand.wishes.size,
    verification,
    what: errand.what,
    source: shown(endpoint.image),
    asked,
    latest: isLatest(asked),
  });
  store.putRemote({
    url: recordUrl(endpoint.image),
    signatureUrl: recordUrl(endpoint.signature),
    key,
    etag: download.etag,
    maxAge: download.maxAge,
    downloadTime: session.now(),
  });
  return { key, fetched: true };
}

/** The image that a place held last time, provided that it may still be used for what is asked now. */
async function keptRemote(
  { context: { store, trust }, insecure }: FetchSession,
  { endpoint, asked }: Errand,
): Promise<RemoteRecord | undefined> {
  const remote = store.remote(recordUrl(endpoint.image));
  const record = remote === undefined ? undefined : store.record(remote.key);
  if (record === undefined || (asked !== undefined && !isAsked(record, asked))) return undefined;

  return (await isAcceptable(record, { store, trust, insecure })) ? remote : undefined;
}

/** Whether the server said that it need not be asked again yet. */
function isFresh({ downloadTime, maxAge = 0 }: RemoteRecord, now: number): boolean {
  return now >= downloadTime && now < downloadTime + maxAge * 1000;
}

/** rkt left the age as it was, so a file that never changes was asked for every time. */
function refreshed(kept: RemoteRecord, unchanged: Unchanged, now: number): RemoteRecord {
  return {
    ...kept,
    etag: unchanged.etag ?? kept.etag,
    maxAge: unchanged.maxAge ?? kept.maxAge,
    downloadTime: now,
  };
}

/** The kept image is what the name means: notes that it is the latest, if no version was asked for. */
function confirm(
  { context: { store } }: FetchSession,
  { asked }: Errand,
  kept: RemoteRecord,
): Brought {
  const record = store.record(kept.key);
  if (record !== undefined && isLatest(asked)) {
    store.accept(kept.key, { accepted: record.accepted, latest: true });
  }

  return { key: kept.key, fetched: false };
}

function isLatest(asked: ImageName | undefined): boolean {
  return asked !== undefined && labelValue(asked.labels, 'version') === undefined;
}

async function verificationFor(session: FetchSession, errand: Errand): Promise<Verification> {
  const { endpoint, what, asked, wishes } = errand;
  if (session.insecure.image) {
    session.warn(`the signature of ${what} is not checked`);
    return unverified('insecure');
  }
  if (wishes.signature === undefined) {
    const { signature: url, image } = endpoint;
    const { dependant } = wishes;
    return await fetchSignature(session, { url, image, what, name: asked?.name, dependant });
  }

  const bytes = await readSignatureFile(wishes.signature);
  if (bytes === undefined) throw signatureMissing(what, wishes.signature);
  return await verifyBy(session, bytes, { name: asked?.name });
}

/** rkt's limit on an image. */
const MAX_IMAGE_BYTES = 20 * 1024 ** 3;

function downloadOf(session: FetchSession, url: URL, etag: string | undefined): DownloadRequest {
  const { client, context } = session;

  return {
    client,
    url,
    ifNot: etag,
    maxBytes: context.limits?.maxImageBytes ?? MAX_IMAGE_BYTES,
    log: context.log,
    retries: context.http?.retries,
    signal: context.signal,
  };
}
