import {
  errorCode,
  errorMessage,
  GantryError,
  isGantryError,
  reworded,
} from '#base/errors/gantry-error';

/** Why nothing, or not all, came from a server. */
export type FetchFailure =
  /** No such host, refused, broken off before an answer. */
  | 'FETCH_UNREACHABLE'
  /** The server took too long to connect, to answer or to go on. */
  | 'FETCH_STALLED'
  /** The server's certificate or its TLS is not good. */
  | 'FETCH_TLS'
  /** What answers speaks no TLS at all. */
  | 'FETCH_NO_TLS'
  /** Plain HTTP, without leave. */
  | 'FETCH_INSECURE'
  | 'FETCH_REDIRECT'
  | 'FETCH_NOT_FOUND'
  | 'FETCH_DENIED'
  /** 429 or 5xx, time and again. */
  | 'FETCH_BUSY'
  /** Any other answer than was asked for. */
  | 'FETCH_REFUSED'
  /** Less arrived than was announced. */
  | 'FETCH_BROKEN'
  /** More arrived than was announced. */
  | 'FETCH_OVERRUN'
  /** More than we take. */
  | 'FETCH_TOO_LARGE'
  /** What was half fetched cannot be gone on with: it changed, or the server gives no parts. */
  | 'FETCH_CHANGED'
  /** The server gave another part than was asked for. */
  | 'FETCH_WRONG_PART'
  /** The caller gave up. */
  | 'FETCH_CANCELLED';

export interface FailureDetails {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** Makes the error `cannot fetch "URL": STATE`. */
export function fetchFailure(
  code: FetchFailure,
  url: URL,
  { state, ...details }: FailureDetails & { readonly state: string },
): GantryError<FetchFailure> {
  return new GantryError(code, `cannot fetch "${brief(shown(url))}": ${state}`, {
    ...details,
    hint: details.hint ?? HINTS[code],
  });
}

/** The same failure of a request that fetches nothing; what is in the query of its address may be good for something. */
export function asSending(error: unknown): unknown {
  if (!isGantryError(error)) return error;

  return reworded(
    error,
    error.message.replace(/^cannot fetch "([^"?]*)[^"]*"/, 'cannot send to "$1"'),
  );
}

/** What to do when nothing can be reached. */
export const LOOK_AT_NETWORK = 'look at the address and the network; https_proxy names a proxy';
const LATER = 'try again later';
const TELL = 'its server does not do as it should: try again later, or tell who runs it';

/** What to do when nothing better is known. */
const HINTS: Readonly<Partial<Record<FetchFailure, string>>> = {
  FETCH_UNREACHABLE: LOOK_AT_NETWORK,
  FETCH_STALLED:
    'try again later, or give servers more "server-seconds" in a document of the kind "limits" in limits.d',
  FETCH_BUSY: LATER,
  FETCH_TLS: 'look at the address; https_proxy names a proxy',
  FETCH_NOT_FOUND: 'look at the address',
  FETCH_REDIRECT: TELL,
  FETCH_REFUSED: TELL,
  FETCH_BROKEN: TELL,
  FETCH_OVERRUN: TELL,
  FETCH_WRONG_PART: TELL,
  FETCH_TOO_LARGE: 'gantry takes no more than that: look at the address',
};

/** An URL as it may be shown: without user, password and fragment; signatures in the query are taken out where the error is built. */
export function shown(url: URL): string {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  bare.hash = '';

  return bare.href;
}

/** As much of an address as fits into a message; addresses come from strangers. */
const MAX_SHOWN = 300;

/** The beginning of a text that may be long. */
export function brief(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}

function tlsHint(code: string, { host }: URL, proxy: string | undefined): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return 'look at the clock of this host; if it is right, tell who runs the server';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'look at the address: the server proves to be another one';
    default:
      return proxy === undefined
        ? `put its certificate authority into "certs.d/${host}/ca.crt" in a configuration directory, name it in SSL_CERT_FILE, or use --insecure-options=tls`
        : 'name a file with its certificate authority in SSL_CERT_FILE';
  }
}

/** What went wrong below HTTP, as one of ours. @param proxy whose certificate it is about, if not the server's */
export function transportFailure(
  url: URL,
  error: unknown,
  proxy?: string,
): GantryError<FetchFailure> {
  const code = errorCode(error) ?? '';
  const cause = withoutFrills(error);
  if (/^(ENOTFOUND|EAI_)/.test(code)) {
    return fetchFailure('FETCH_UNREACHABLE', url, {
      state: `host "${hostSought(error) ?? url.hostname}" cannot be found (${code})`,
      cause,
    });
  }
  if (/ALERT_.*(CERTIFICATE|UNKNOWN_CA)/.test(code)) {
    return fetchFailure('FETCH_TLS', url, {
      state: `"${url.host}" wants a certificate of ours, and not that which it gets (${code})`,
      hint: `put one and its key into "certs.d/${url.host}" in a configuration directory, as NAME.cert and NAME.key`,
      cause,
    });
  }
  if (/CERT|SELF_SIGNED|^UNABLE_TO_|^CRL_|^HOSTNAME_MISMATCH|^INVALID_(CA|PURPOSE)/.test(code)) {
    return fetchFailure('FETCH_TLS', url, {
      state: `the certificate of ${proxy === undefined ? `"${url.host}"` : `the proxy "${proxy}"`} is not good (${code})`,
      hint: tlsHint(code, url, proxy),
      cause,
    });
  }
  if (/wrong version number/.test(errorMessage(error))) {
    return fetchFailure('FETCH_NO_TLS', url, {
      state: `what answers speaks no TLS (${code})`,
      hint: 'look at the address: it begins with http:// where plain HTTP is spoken; that needs --insecure-options=http, or for a registry "insecure" in registries.conf',
      cause,
    });
  }
  if (/^ERR_SSL|^ERR_TLS|^EPROTO/.test(code)) {
    return fetchFailure('FETCH_TLS', url, { state: `TLS failed (${code})`, cause });
  }
  if (code.startsWith('HPE_')) {
    return fetchFailure('FETCH_REFUSED', url, { state: 'the answer is not HTTP', cause });
  }

  return fetchFailure('FETCH_UNREACHABLE', url, {
    state: code === '' ? errorMessage(error) : `the connection failed (${code})`,
    cause,
  });
}

/**
 * What went wrong, without the address, which our own message names, and
 * without advice on how to start Node.
 */
function withoutFrills(error: unknown): unknown {
  const code = errorCode(error);
  const message = errorMessage(error)
    .replace(/^request to .* failed, reason: /s, '')
    .replace(/; if the root CA is installed locally, .*--use-system-ca$/, '')
    .trimEnd();

  const plain = Object.assign(new Error(message), code === undefined ? {} : { code });
  if (error instanceof Error) plain.stack = error.stack ?? message;

  return plain;
}

/** The name that was looked up: where there is a proxy, the proxy's. */
function hostSought(error: unknown): string | undefined {
  return /getaddrinfo \w+ (\S+)/.exec(errorMessage(error))?.[1];
}

/** Whether asking again may help. */
export function isTransient(error: unknown): boolean {
  switch (errorCode(error)) {
    case 'FETCH_STALLED':
    case 'FETCH_BROKEN':
    case 'FETCH_BUSY':
      return true;
    case 'FETCH_UNREACHABLE': {
      const { cause } = error as GantryError;
      return !['ENOTFOUND', 'ECONNREFUSED'].includes(errorCode(cause) ?? '');
    }
    default:
      return false;
  }
}
