import { createHttpClient } from '../fetch/http-client.ts';
import type { FetchContext } from '../fetch/request.ts';
import type { FetchSession } from '../fetch/session.ts';
import type { Endpoint } from '../registries/endpoints.ts';
import { createFindLogin } from './logins.ts';
import type { FindLogin } from './registry-auth.ts';
import { type RegistryOptions, serverOf } from './repository-access.ts';

/** How a place where images are asked for, or given, is talked to. */
export interface Connection extends Disposable {
  readonly options: RegistryOptions;
}

export interface Visit {
  readonly findLogin: FindLogin;
  /** Whether nobody is asked after it. */
  readonly isLast: boolean;
}

/**
 * Connects to one place; nothing is sent yet. Each host is told who one is there,
 * and none is spared what holds for all because another is.
 */
export function connect(
  { context, insecure, warn, now }: FetchSession,
  { image, insecure: isInsecure }: Endpoint,
  { findLogin, isLast }: Visit,
): Connection {
  const { http, log, signal } = context;
  const client = createHttpClient({
    ...http,
    // Where there is a next, that is asked sooner than the same again.
    retries: isLast ? http?.retries : { ...http?.retries, attempts: 1 },
    // Passwords are sent where a registry asks for them, not to every host that is called so.
    auth: [],
    log,
    signal,
    warn,
    insecure,
    insecureHosts: isInsecure ? [serverOf(image.host)] : [],
  });
  const allowHttp = insecure.http || isInsecure;

  return {
    options: { client, findLogin, allowHttp, log, retries: http?.retries, signal, now },
    [Symbol.dispose]: () => client.close(),
  };
}

/**
 * Finds out who one is; nothing is read before a registry asks.
 * @param helpers who is asked; the files of podman and docker alone where undefined
 */
export function findLoginIn(
  logins: FetchContext['logins'],
  helpers: readonly string[] | undefined,
): FindLogin {
  let find: Promise<FindLogin> | undefined;

  return async (host, repository) => {
    find ??= logins?.().then((sources) => createFindLogin(sources, helpers));
    return await (await find)?.(host, repository);
  };
}
