import { errorMessage, type GantryError, isGantryError, reworded } from '#base/errors/gantry-error';
import type { Log } from '#base/log/log';
import { createAgents } from './agents.ts';
import { authorized, credentialFor, credentialIn, namesOf, withoutUser } from './authorization.ts';
import { refusalOf } from './error-answer.ts';
import { type Answer, exchange, type Sending } from './exchange.ts';
import { asSending, brief, fetchFailure, isTransient, shown } from './http-failure.ts';
import type { Credential, HttpOptions, HttpTimeouts } from './http-options.ts';
import { DEFAULT_RETRIES, pause, retryAfter } from './retry.ts';

/** Talks to servers: redirects, credentials, proxies, certificates, time limits, further tries. */
export interface HttpClient {
  /**
   * Sends a GET, or a form, and gives the answer with its body unread. Answers other than
   * 200 are errors, but for those in `accept`.
   * @throws GantryError with one of `FetchFailure`
   */
  get(url: URL, options?: GetOptions): Promise<Answer>;
  /** As `get`, reading a small document to its end. */
  read(url: URL, options: ReadOptions): Promise<Document>;
  close(): void;
}

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Status codes that are answers and not errors. */
  readonly accept?: readonly number[] | undefined;
  /** Who we are for the server of the URL, in place of what is configured; no other server is told. */
  readonly credential?: Credential | undefined;
  /** Sent by POST, to the URL itself only: a redirect is an error. */
  readonly form?: URLSearchParams | undefined;
  /** In place of a GET; but for a HEAD a redirect is an error. */
  readonly sending?: Sending | undefined;
}

export interface ReadOptions extends GetOptions {
  /** Longer documents are refused, or cut off. */
  readonly maxBytes: number;
  readonly cut?: boolean | undefined;
}

export interface Document {
  readonly answer: Answer;
  readonly data: Buffer;
}

export interface ClientOptions extends HttpOptions {
  readonly insecure: { readonly tls: boolean; readonly http: boolean };
  /** `host` or `host:port` of servers of which neither is demanded, whatever `insecure` says. */
  readonly insecureHosts?: readonly string[] | undefined;
  /** Told of every insecure step, once each. */
  readonly warn: (message: string) => void;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

export const DEFAULT_TIMEOUTS: HttpTimeouts = { connect: 10_000, answer: 30_000, stall: 30_000 };

/** As curl and browsers do it, more or less. */
const MAX_REDIRECTS = 10;

/** Signed addresses have some hundred characters. */
const MAX_LOCATION = 8000;

const REDIRECTS = [301, 302, 303, 307, 308];

/** Makes a client; close it, or its idle connections stay open for a while. */
export function createHttpClient(options: ClientOptions): HttpClient {
  const agents = createAgents({
    proxies: options.proxies,
    certificateFiles: options.certificateFiles,
    certificateDirs: options.certificateDirs,
    warn: options.warn,
    isChecked: (url) => !leave(url, options).tls,
  });
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const send: Send = async (url, headers, { form, sending }) =>
    await exchange({ url, headers, form, sending, agents, timeouts, signal: options.signal });

  const get: HttpClient['get'] = async (url, request = {}) => {
    const tries = request.sending?.once === true ? { ...options, retries: ONCE } : options;
    const asked = persist(
      tries,
      async (hint) => await follow({ url, request, options, send, hint }),
    );
    if (request.sending === undefined) return await asked;
    return await asked.catch((error: unknown) => {
      throw asSending(error);
    });
  };

  return {
    get,
    read: async (url, request) =>
      await persist(options, async (hint) => {
        const answer = await follow({ url, request, options, send, hint });
        return { answer, data: await readAll(answer, request) };
      }),
    close: () => agents.close(),
  };
}

type Send = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  request: Pick<GetOptions, 'form' | 'sending'>,
) => Promise<Answer>;

const ONCE = { attempts: 1 } as const;

/** What a server said about when to come back. */
interface RetryHint {
  /** Milliseconds. */
  asked?: number | undefined;
}

/** Tries again what may work a moment later: 429, 5xx, broken and silent connections. */
async function persist<Result>(
  { retries: given, log, signal }: ClientOptions,
  action: (hint: RetryHint) => Promise<Result>,
): Promise<Result> {
  const retries = { ...DEFAULT_RETRIES, ...given };
  for (let attempt = 1; ; attempt += 1) {
    const hint: RetryHint = {};
    try {
      return await action(hint);
    } catch (error) {
      if (attempt >= retries.attempts || !isTransient(error)) throw error;
      // Who comes back before that is asked to stay away for longer.
      if ((hint.asked ?? 0) > retries.maxDelay) throw error;
      log.debug(`trying again: ${errorMessage(error)}`);
    }
    await pause(retries, { attempt, asked: hint.asked, signal });
  }
}

interface Journey {
  /** As given, with user and password where it has them. */
  readonly url: URL;
  readonly request: GetOptions;
  readonly options: ClientOptions;
  readonly send: Send;
  readonly hint: RetryHint;
}

/** Sends a request along redirects until there is an answer. */
async function follow(journey: Journey): Promise<Answer> {
  const { url } = journey;
  let at = withoutUser(url);
  for (let hops = 0; ; hops += 1) {
    const answer = await ask(journey, at).catch((error: unknown) => {
      throw hops === 0 ? error : sentFrom(url, error);
    });
    if (!REDIRECTS.includes(answer.status)) return answer;

    answer.leave();
    if (isSent(journey.request)) {
      throw fetchFailure('FETCH_REDIRECT', url, { state: 'redirected, with what was sent to it' });
    }
    if (hops === MAX_REDIRECTS) {
      throw fetchFailure('FETCH_REDIRECT', url, {
        state: `redirected more than ${MAX_REDIRECTS} times`,
      });
    }
    at = redirectTarget(answer, at);
  }
}

/** Whether there is something in a request that must not go elsewhere. */
function isSent({ form, sending }: GetOptions): boolean {
  return form !== undefined || (sending !== undefined && sending.method !== 'HEAD');
}

async function ask({ url, request, options, send, hint }: Journey, at: URL): Promise<Answer> {
  demandTransport(at, options);
  const headers = { ...PLAIN_HEADERS, ...request.headers };
  const credential = credentialAt(at, { url, request, options });
  const answer = await send(at, await authorized({ url: at, headers }, credential), request);

  return REDIRECTS.includes(answer.status) ? answer : await judged(answer, request, hint);
}

/** Names the address that the user knows beside the one that failed. */
function sentFrom(first: URL, error: unknown): unknown {
  if (!isGantryError(error)) return error;

  return reworded(error, `${error.message} (redirected from "${brief(shown(first))}")`);
}

/** Archives are signed as they lie on the server: no coding on the way. */
const PLAIN_HEADERS = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'gantry' };

/** What a server may do without. */
function leave(
  url: URL,
  { insecure, insecureHosts = [] }: ClientOptions,
): ClientOptions['insecure'] {
  const isInsecure = namesOf(url).some((name) => insecureHosts.includes(name));

  return isInsecure ? { tls: true, http: true } : insecure;
}

/** Demands HTTPS, or leave to do without, and says so when something is not checked. */
function demandTransport(url: URL, options: ClientOptions): void {
  const { warn } = options;
  const insecure = leave(url, options);
  if (url.protocol === 'https:') {
    if (insecure.tls) warn(`the certificate of "${url.host}" is not checked`);
    return;
  }
  if (!insecure.http) {
    throw fetchFailure('FETCH_INSECURE', url, {
      state: 'plain HTTP is not allowed',
      hint: 'use HTTPS, or --insecure-options=http',
    });
  }
  warn(
    `"${url.host}" is asked over plain HTTP: anybody on the way can read and change what is sent`,
  );
}

/**
 * Who we are for the server at hand. What the first URL says of its user stays
 * with that origin, and what was asked for over HTTPS is proven over HTTPS only.
 */
function credentialAt(
  at: URL,
  { url: first, request, options }: Pick<Journey, 'url' | 'request' | 'options'>,
): Credential | undefined {
  if (first.protocol === 'https:' && at.protocol !== 'https:') return undefined;
  const isFirst = at.origin === first.origin;
  if (request.credential !== undefined) return isFirst ? request.credential : undefined;

  return (isFirst ? credentialIn(first) : undefined) ?? credentialFor(options.auth ?? [], at);
}

function redirectTarget(answer: Answer, at: URL): URL {
  const location = answer.headers.get('location') ?? '';
  const isSane = location !== '' && location.length <= MAX_LOCATION;
  const target = isSane && URL.canParse(location, at) ? new URL(location, at) : undefined;
  if (target !== undefined && /^https?:$/.test(target.protocol)) return withoutUser(target);

  throw fetchFailure('FETCH_REDIRECT', at, { state: `redirected to "${brief(location)}"` });
}

async function judged(
  answer: Answer,
  { accept = [] }: GetOptions,
  hint: RetryHint,
): Promise<Answer> {
  const { status, url } = answer;
  if (status === 200 || accept.includes(status)) return answer;

  const state = await refusalOf(answer);
  if (status === 404 || status === 410) throw fetchFailure('FETCH_NOT_FOUND', url, { state });
  if (status === 401 || status === 403 || status === 407) {
    throw fetchFailure('FETCH_DENIED', url, {
      state,
      hint: `put credentials for "${url.host}" into auth.d`,
    });
  }
  if (status !== 429 && status < 500) throw fetchFailure('FETCH_REFUSED', url, { state });

  hint.asked = retryAfter(answer.headers.get('retry-after'));
  throw fetchFailure('FETCH_BUSY', url, { state, hint: comeBack(hint.asked) });
}

/** @param asked milliseconds that the server wants to be left alone for */
function comeBack(asked: number | undefined): string | undefined {
  if (asked === undefined) return undefined;
  const time =
    asked < 120_000 ? `${Math.ceil(asked / 1000)} s` : `${Math.ceil(asked / 60_000)} minutes`;

  return `try again in ${time}: the server asks for that`;
}

async function readAll(answer: Answer, { maxBytes, cut = false }: ReadOptions): Promise<Buffer> {
  const tooLarge = (): GantryError =>
    fetchFailure('FETCH_TOO_LARGE', answer.url, { state: `more than ${maxBytes} bytes` });
  if (!cut && answer.length !== undefined && answer.length > maxBytes) {
    answer.leave();
    throw tooLarge();
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body()) {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= maxBytes) continue;
    if (cut) break;
    throw tooLarge();
  }

  return Buffer.concat(chunks).subarray(0, maxBytes);
}
