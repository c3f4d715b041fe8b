import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { RequestInit, Response } from 'node-fetch';
import { errorCode, isGantryError } from '#base/errors/gantry-error';
import type { Agents } from './agents.ts';
import { gathered } from './gathered.ts';
import { fetchFailure, LOOK_AT_NETWORK, transportFailure } from './http-failure.ts';
import type { HttpTimeouts } from './http-options.ts';
import { startUpload, type Upload } from './upload-body.ts';

/** One request as it goes out; redirects are the caller's affair. */
export interface ExchangeRequest {
  /** Without user and password. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent by POST, as a form; a GET without it. */
  readonly form?: URLSearchParams | undefined;
  /** In place of a GET. */
  readonly sending?: Sending | undefined;
  readonly agents: Agents;
  readonly timeouts: HttpTimeouts;
  readonly signal?: AbortSignal | undefined;
}

/** A request other than GET. */
export interface Sending {
  readonly method: 'HEAD' | 'POST' | 'PUT';
  readonly body?: SentBody | undefined;
  /** Whether a failure is the caller's, who begins anew before this; else it is tried again. */
  readonly once?: boolean | undefined;
}

/** What is sent: read anew for every try. */
export interface SentBody {
  /** Bytes. */
  readonly length: number;
  readonly open: () => AsyncGenerator<Buffer, void, undefined>;
}

/** What a server answered; its body still has to be read or left. */
export interface Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Bytes the server announced for the body of this answer. */
  readonly length: number | undefined;
  /**
   * The body, once. Throws FETCH_BROKEN when less comes than announced,
   * FETCH_OVERRUN when more does, FETCH_STALLED.
   */
  body(): AsyncGenerator<Buffer, void, undefined>;
  /** Gives the body up. */
  leave(): void;
}

/**
 * Sends one request and waits for the head of the answer.
 * @throws GantryError FETCH_UNREACHABLE, FETCH_STALLED, FETCH_TLS, FETCH_NO_TLS, FETCH_REFUSED, FETCH_CANCELLED
 */
export async function exchange(request: ExchangeRequest): Promise<Answer> {
  const { url, headers, form, agents, timeouts, sending } = request;
  const { default: fetch } = await import('node-fetch');
  const abort = new AbortController();
  const upload = sending?.body === undefined ? undefined : startUpload(sending.body, abort);
  const init: RequestInit = {
    headers: upload === undefined ? headers : { ...headers, 'content-length': upload.length },
    ...(form === undefined ? {} : { method: 'POST', body: form }),
    ...(sending === undefined ? {} : { method: sending.method }),
    ...(upload === undefined ? {} : { body: upload.stream }),
    redirect: 'manual',
    compress: false,
    agent: agents.of(url),
    signal: signalOf(request, abort),
  };
  const { outgoing, sockets, response } = start(() => fetch(url, init));
  const faults: unknown[] = [];
  outgoing?.on('error', (error) => faults.push(error));

  const deadline = watchHead(outgoing, { url, timeouts, abort });
  upload?.watch(
    () => deadline.extend(timeouts.answer),
    () => deadline.extend(timeouts.answer * STORING),
  );
  try {
    return answerOf(await response, { request, abort, faults, upload });
  } catch (error) {
    for (const socket of sockets) socket.destroy();
    throw whyFailed(error, { request, abort, proxy: refusedProxy(request, sockets) });
  } finally {
    deadline.clear();
  }
}

/** So many times as long as for other answers is waited for a server that has to store what was sent. */
const STORING = 10;

function signalOf({ signal }: ExchangeRequest, abort: AbortController): AbortSignal {
  return signal === undefined ? abort.signal : AbortSignal.any([signal, abort.signal]);
}

/**
 * Starts a request and keeps hold of the objects beneath it, which node-fetch
 * does not hand out: only on the request is it seen that a server sends more
 * than it announced, and a connection to a proxy that does not answer is known
 * to nobody, so it would keep this process. Both are made before node-fetch
 * returns.
 */
function start(send: () => Promise<Response>): {
  readonly outgoing: ClientRequest | undefined;
  readonly sockets: readonly Socket[];
  readonly response: Promise<Response>;
} {
  let outgoing: ClientRequest | undefined;
  const sockets: Socket[] = [];
  const listen = (message: unknown): void => {
    outgoing = (message as { request: ClientRequest }).request;
  };
  const note = (message: unknown): void => {
    sockets.push((message as { socket: Socket }).socket);
  };
  subscribe(CREATED, listen);
  subscribe(SOCKET, note);
  try {
    const response = send();
    return { outgoing, sockets, response };
  } finally {
    unsubscribe(CREATED, listen);
    unsubscribe(SOCKET, note);
  }
}

const CREATED = 'http.client.request.created';
const SOCKET = 'net.client.socket';

interface Head {
  readonly url: URL;
  readonly timeouts: HttpTimeouts;
  readonly abort: AbortController;
}

/** Gives up when the connection does not stand, or the answer does not begin, in time. */
function watchHead(
  outgoing: ClientRequest | undefined,
  { url, timeouts, abort }: Head,
): { clear(): void; extend(ms: number): void } {
  const expire = (what: string, ms: number, hint?: string): NodeJS.Timeout =>
    setTimeout(() => {
      const state = `${what} within ${ms / 1000} s`;
      abort.abort(fetchFailure('FETCH_STALLED', url, { state, hint }));
    }, ms);

  let timer = expire('no connection', timeouts.connect, LOOK_AT_NETWORK);
  let cleared = false;
  const extend = (ms: number): void => {
    clearTimeout(timer);
    if (!cleared) timer = expire('no answer', ms);
  };
  const connected = (): void => extend(timeouts.answer);
  outgoing?.once('socket', (socket) => {
    const { connecting, secureConnecting } = socket as TLSSocket & { secureConnecting?: boolean };
    if (!connecting && secureConnecting !== true) connected();
    else socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
  });

  return {
    extend,
    clear: () => {
      cleared = true;
      clearTimeout(timer);
    },
  };
}

interface Course {
  readonly request: ExchangeRequest;
  readonly abort: AbortController;
  /** Whose certificate is not good, where that is the proxy. */
  readonly proxy?: string | undefined;
}

function refusedProxy(
  { url, agents }: ExchangeRequest,
  sockets: readonly Socket[],
): string | undefined {
  const isRefused = sockets.some((socket) => Boolean((socket as TLSSocket).authorizationError));

  return isRefused ? agents.secureProxyOf(url) : undefined;
}

function whyFailed(error: unknown, { request: { url, signal }, abort, proxy }: Course): unknown {
  const reason: unknown = abort.signal.reason;
  if (isGantryError(reason)) return reason;
  if (signal?.aborted === true) {
    return fetchFailure('FETCH_CANCELLED', url, { state: 'cancelled', cause: signal.reason });
  }

  return isGantryError(error) ? error : transportFailure(url, error, proxy);
}

interface Arrival extends Course {
  /** Errors of the request, those after the answer too. */
  readonly faults: readonly unknown[];
  readonly upload?: Upload | undefined;
}

function answerOf(response: Response, arrival: Arrival): Answer {
  const { request, abort } = arrival;
  const announced = response.headers.get('content-length');
  const length = announced === null ? undefined : Number(announced);
  const body = response.body as Readable | null;
  body?.on('error', () => {});

  return {
    url: request.url,
    status: response.status,
    headers: response.headers,
    length,
    body: () => readBody(body, length, arrival),
    leave: () => {
      // A short rest is read to its end, so that the connection can be used again.
      const isShort = length !== undefined && length <= 65_536;
      if (isShort && arrival.upload?.isSent() !== false) body?.resume();
      else abort.abort();
    },
  };
}

async function* readBody(
  body: Readable | null,
  length: number | undefined,
  arrival: Arrival,
): AsyncGenerator<Buffer, void, undefined> {
  const { url } = arrival.request;
  let received = 0;
  let ended = false;
  try {
    for await (const chunk of gathered(timely(body, arrival))) {
      received += chunk.length;
      yield chunk;
    }
    // A server may answer before all was sent, and want no more of it.
    ended = arrival.upload?.isSent() !== false;
  } catch (error) {
    throw brokenBody(error, { ...arrival, received, length });
  } finally {
    if (!ended) arrival.abort.abort();
  }

  if (isOverrun(arrival)) throw overrun(url, length);
  if (length !== undefined && received < length) {
    throw brokenBody(undefined, { ...arrival, received, length });
  }
}

/** Bytes that have to come while we wait as long as `timeouts.stall`; less is as good as nothing. */
const SLOWEST = 1024;

/**
 * Passes chunks on, and gives up when we wait for the server for too long. The
 * time in which nobody wants a chunk does not count.
 */
async function* timely(
  body: Readable | null,
  { request: { url, timeouts }, abort }: Arrival,
): AsyncGenerator<Buffer, void, undefined> {
  if (body === null) return;
  const iterator = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let left = timeouts.stall;
  let came = 0;
  try {
    for (;;) {
      const began = performance.now();
      const timer = setTimeout(() => {
        const state = `too slow: ${came} bytes came in ${timeouts.stall / 1000} s`;
        abort.abort(fetchFailure('FETCH_STALLED', url, { state }));
      }, left);
      const next = await iterator.next().finally(() => clearTimeout(timer));
      if (next.done === true) return;
      came += next.value.length;
      // The timer does not fire to the millisecond.
      left = Math.max(0, left - (performance.now() - began));
      if (came >= SLOWEST) {
        left = timeouts.stall;
        came = 0;
      }
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** A parser that finds bytes behind the announced end says so on the request, the answer being complete by then. */
function isOverrun({ faults }: Arrival): boolean {
  return faults.some((fault) => errorCode(fault)?.startsWith('HPE_') === true);
}

function overrun(url: URL, length: number | undefined): Error {
  if (length === undefined) {
    return fetchFailure('FETCH_REFUSED', url, { state: 'what it sends is not HTTP' });
  }
  const state = `the server sent more than the ${length} bytes it announced`;
  return fetchFailure('FETCH_OVERRUN', url, { state });
}

interface Broken extends Arrival {
  readonly received: number;
  readonly length: number | undefined;
}

function brokenBody(error: unknown, broken: Broken): unknown {
  const { request, abort, received, length } = broken;
  if (isOverrun(broken)) return overrun(request.url, length);
  const reason: unknown = abort.signal.reason;
  if (isGantryError(reason) || request.signal?.aborted === true) {
    return whyFailed(error, { request, abort });
  }

  const state = `the connection broke after ${received} of ${length ?? 'unknown'} bytes`;
  return fetchFailure('FETCH_BROKEN', request.url, { state, cause: error });
}
