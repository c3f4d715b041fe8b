import { errorMessage, type GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Log } from '#base/log/log';
import { maxAgeOf } from './cache-control.ts';
import type { Answer } from './exchange.ts';
import type { HttpClient } from './http-client.ts';
import { fetchFailure, isTransient } from './http-failure.ts';
import type { HttpRetries } from './http-options.ts';
import { DEFAULT_RETRIES, pause } from './retry.ts';

/** What a server says about a file, and the file itself. */
export interface Download {
  /** After redirects. */
  readonly url: URL;
  readonly etag: string | undefined;
  /** Seconds for which the server need not be asked again. */
  readonly maxAge: number | undefined;
  /** Bytes, when announced. */
  readonly total: number | undefined;
  /**
   * The file, once, without a gap: after a broken connection it goes on where
   * it stopped.
   */
  chunks(): AsyncGenerator<Buffer, void, undefined>;
  leave(): void;
}

/** The file is still the one whose ETag was given. */
export interface Unchanged {
  readonly maxAge: number | undefined;
  readonly etag: string | undefined;
}

export interface DownloadRequest {
  readonly client: HttpClient;
  readonly url: URL;
  /** Asks for the file only when it is not this one. */
  readonly ifNot?: string | undefined;
  /** Whether it cannot change, its digest being looked at in the end: it is gone on with whatever the server calls its version. */
  readonly isFixed?: boolean | undefined;
  readonly maxBytes: number;
  readonly log: Log;
  readonly retries?: Partial<HttpRetries> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Begins to fetch a file.
 * @throws GantryError with one of `FetchFailure`
 */
export async function openDownload(
  request: DownloadRequest,
): Promise<{ readonly download: Download } | { readonly unchanged: Unchanged }> {
  const { client, url, ifNot, maxBytes } = request;
  const headers = ifNot === undefined ? {} : { 'if-none-match': ifNot };
  const answer = await client.get(url, { headers, accept: ifNot === undefined ? [] : [304] });
  const maxAge = maxAgeOf(answer.headers);
  const etag = answer.headers.get('etag') ?? undefined;
  if (answer.status === 304) {
    answer.leave();
    return { unchanged: { maxAge, etag } };
  }

  const total = answer.length;
  if (total !== undefined && total > maxBytes) {
    answer.leave();
    throw tooLarge(answer.url, maxBytes);
  }

  return {
    download: {
      url: answer.url,
      etag,
      maxAge,
      total,
      chunks: () => wholeFile(answer, request),
      leave: () => answer.leave(),
    },
  };
}

/**
 * As `openDownload`, of a file that cannot change and of which nothing is here yet.
 * @throws GantryError with one of `FetchFailure`
 */
export async function openFixed(
  request: Omit<DownloadRequest, 'ifNot' | 'isFixed'>,
): Promise<Download> {
  const answer = await openDownload({ ...request, isFixed: true });
  if ('unchanged' in answer) throw new Error('an answer of 304 to a question without condition');

  return answer.download;
}

/** How far a download has come. */
interface Course {
  readonly first: Answer;
  readonly request: DownloadRequest;
  received: number;
}

/** As much as a connection must have brought for the next failure to count as a first one. */
const PROGRESS = 1024 * 1024;

async function* wholeFile(
  first: Answer,
  request: DownloadRequest,
): AsyncGenerator<Buffer, void, undefined> {
  const retries = { ...DEFAULT_RETRIES, ...request.retries };
  const course: Course = { first, request, received: 0 };
  let answer: Answer | undefined = first;
  let skip = 0;
  let broken: unknown;

  for (let attempt = 1; ; attempt += 1) {
    const before = course.received;
    try {
      if (answer === undefined) ({ answer, skip } = await resume(course, broken));
      for await (const chunk of fresh(answer.body(), skip)) {
        course.received += chunk.length;
        demandWithin(course);
        yield chunk;
      }
      demandWhole(course);
      return;
    } catch (error) {
      if (course.received - before >= PROGRESS) attempt = 1;
      if (attempt >= retries.attempts || !mayResume(error)) throw error;
      request.log.debug(`going on at byte ${course.received}: ${errorMessage(error)}`);
      broken = error;
    }
    answer = undefined;
    await pause(retries, { attempt, signal: request.signal });
  }
}

/** A server may give less than was asked for, but not for ever. */
function demandWhole({ first, received }: Course): void {
  if (first.length === undefined || received === first.length) return;

  const state = `the server sent ${received} of ${first.length} bytes, and no more when asked again`;
  throw fetchFailure('FETCH_BROKEN', first.url, { state });
}

function demandWithin({ first, request, received }: Course): void {
  if (first.length !== undefined && received > first.length) {
    const state = `the server sent more than the ${first.length} bytes it announced`;
    throw fetchFailure('FETCH_OVERRUN', first.url, { state });
  }
  if (received > request.maxBytes) throw tooLarge(first.url, request.maxBytes);
}

function tooLarge(url: URL, maxBytes: number): GantryError {
  return fetchFailure('FETCH_TOO_LARGE', url, { state: `more than ${maxBytes} bytes` });
}

/** A server that is being started again refuses connections for a moment. */
function mayResume(error: unknown): boolean {
  return isTransient(error) || isGantryError(error, 'FETCH_UNREACHABLE');
}

interface Continuation {
  readonly answer: Answer;
  /** Bytes at the beginning of the answer that we have already. */
  readonly skip: number;
}

/**
 * Asks for the rest of the file, provided that it still is the same (RFC 9110,
 * 13.1.5 and 14.2). A server that cannot give parts sends all of it again.
 * @param broken why there is a rest to ask for
 */
async function resume(
  { first, request, received }: Course,
  broken: unknown,
): Promise<Continuation> {
  const { isFixed = false } = request;
  const validator = isFixed ? undefined : validatorOf(first);
  if (validator === undefined && !isFixed && received > 0) {
    const state = 'the server does not name a version to go on with';
    throw fetchFailure('FETCH_CHANGED', first.url, { state, cause: broken });
  }
  const headers: Record<string, string> = {
    ...(received === 0 ? {} : { range: `bytes=${received}-` }),
    ...(received === 0 || validator === undefined ? {} : { 'if-range': validator }),
  };
  const answer = await request.client.get(request.url, { headers, accept: [206, 416] });
  try {
    return { answer, skip: skipOf(answer, { first, request, received }) };
  } catch (error) {
    answer.leave();
    throw error;
  }
}

/** What names a version exactly: a strong ETag, or else the time of change. */
function validatorOf({ headers }: Answer): string | undefined {
  const etag = headers.get('etag');
  if (etag !== null && !etag.startsWith('W/')) return etag;

  return headers.get('last-modified') ?? undefined;
}

function skipOf(answer: Answer, { first, request: { isFixed }, received }: Course): number {
  if (answer.status === 416) throw changed(first.url);
  if (answer.status === 200) {
    const isSame = isFixed === true || validatorOf(answer) === validatorOf(first);
    if (!isSame || answer.length !== first.length) throw changed(first.url);
    return received;
  }

  demandPart(answer, first, received);
  const etag = answer.headers.get('etag');
  if (isFixed !== true && etag !== null && etag !== first.headers.get('etag')) {
    throw changed(first.url);
  }
  return 0;
}

/** Demands that a partial answer is the part that was asked for. */
function demandPart(answer: Answer, first: Answer, received: number): void {
  const header = answer.headers.get('content-range') ?? '';
  const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header) ?? [];
  const isAskedFor =
    Number(start) === received &&
    (answer.length === undefined || answer.length === Number(end) - Number(start) + 1) &&
    (total === '*' || first.length === undefined || Number(total) === first.length);
  if (!isAskedFor) {
    const state = `asked for what follows byte ${received}, the server gave "${header}"`;
    throw fetchFailure('FETCH_WRONG_PART', answer.url, { state });
  }
}

function changed(url: URL): GantryError {
  const state = 'it changed while it was fetched';
  return fetchFailure('FETCH_CHANGED', url, { state, hint: 'fetch it again' });
}

/** The body without its first bytes. */
async function* fresh(
  body: AsyncGenerator<Buffer, void, undefined>,
  skip: number,
): AsyncGenerator<Buffer, void, undefined> {
  let left = skip;
  for await (const chunk of body) {
    const rest = chunk.subarray(left);
    left -= chunk.length - rest.length;
    if (rest.length > 0) yield rest;
  }
}
