import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { type GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Answer } from '../fetch/exchange.ts';
import type { GetOptions, HttpClient } from '../fetch/http-client.ts';
import { fetchFailure } from '../fetch/http-failure.ts';
import type { Credential } from '../fetch/http-options.ts';
import { type Challenge, parseChallenges } from './challenge.ts';

/** Who one is for a registry. */
export type RegistryLogin =
  | { readonly type: 'basic'; readonly user: string; readonly password: string }
  /** What a server of tokens gives for a password once and for all. */
  | { readonly type: 'identity'; readonly token: string };

/** Finds out who one is, once a registry has asked. */
export type FindLogin = (host: string, repository: string) => Promise<RegistryLogin | undefined>;

export interface RegistryAuthOptions {
  /** That talks to servers and knows nothing of who one is. */
  readonly client: HttpClient;
  /** As in the reference of the image. */
  readonly host: string;
  readonly repository: string;
  readonly findLogin: FindLogin;
  /** What is to be done there, beside reading; `push` wants a token for it from the start. */
  readonly purpose?: 'push' | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Tokens have some thousand characters; those with many scopes more. */
const MAX_TOKEN_BYTES = 1024 * 1024;
/** How long a token counts that does not say: the distribution project's token specification. */
const DEFAULT_SECONDS = 60;
/** Tokens are not used up to the last moment. */
const MARGIN_MS = 5000;
const CLIENT_ID = 'gantry';

/**
 * A client that proves who one is when a registry asks for it, by a password or
 * by a token that it fetches where the registry says. Asked twice in a row, it
 * gives up. What it proves goes to the registry itself and to its server of
 * tokens, along no redirect to another.
 */
export function authenticating(options: RegistryAuthOptions): HttpClient {
  const { client } = options;
  let credential: Credential | undefined;
  let until = Infinity;
  const known = (): Credential | undefined => (options.now() < until ? credential : undefined);

  const authenticated = async <Result>(
    url: URL,
    request: GetOptions,
    send: (asked: GetOptions) => Promise<readonly [Answer, Result]>,
  ): Promise<Result> => {
    const accept = [...(request.accept ?? []), 401];
    const [first, result] = await send({ ...request, accept, credential: known() });
    if (first.status !== 401) return result;

    first.leave();
    // Whoever holds what the registry sends to would name a server of tokens of their own.
    if (first.url.origin !== url.origin) throw asksElsewhere(first.url, options);
    ({ credential, until } = await answerChallenge(url, first, options));
    const isPassword = credential.type === 'basic';
    const [second, again] = await send({
      ...request,
      accept: isPassword ? accept : request.accept,
      credential,
    });
    if (!isPassword || second.status !== 401) return again;

    second.leave();
    if (second.url.origin !== url.origin) throw asksElsewhere(second.url, options);
    throw denied(url, options, 'it takes no such password');
  };

  return {
    get: async (url, request = {}) =>
      await authenticated(url, request, async (asked) => {
        const answer = await client.get(url, asked);
        return [answer, answer];
      }),
    read: async (url, request) =>
      await authenticated(url, request, async (asked) => {
        const document = await client.read(url, { ...request, ...asked });
        return [document.answer, document];
      }),
    close: () => client.close(),
  };
}

interface Proof {
  readonly credential: Credential;
  /** Milliseconds since 1970. */
  readonly until: number;
}

async function answerChallenge(
  url: URL,
  answer: Answer,
  options: RegistryAuthOptions,
): Promise<Proof> {
  const challenges = parseChallenges(answer.headers.get('www-authenticate'));
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer !== undefined) return await fetchToken(url, bearer, options);

  const login = await options.findLogin(options.host, options.repository);
  const isBasic = challenges.some(({ scheme }) => scheme === 'basic');
  if (isBasic && login?.type === 'basic') return { credential: login, until: Infinity };

  throw denied(url, options, isBasic ? 'it asks for a password' : 'it does not say how to log in');
}

const asksElsewhere = (url: URL, options: RegistryAuthOptions): GantryError =>
  denied(url, options, `"${options.host}" sends there, and it asks who one is`);

function denied(url: URL, { host }: RegistryAuthOptions, state: string): GantryError {
  return fetchFailure('FETCH_DENIED', url, {
    state,
    hint: `put credentials for "${host}" into auth.d, or log in there with docker or podman`,
  });
}

const tokenAnswer = v.object({
  token: v.optional(v.pipe(v.string(), v.nonEmpty())),
  access_token: v.optional(v.pipe(v.string(), v.nonEmpty())),
  expires_in: v.optional(v.number()),
});

/** The distribution project's token specification: GET with a password or without, POST with an identity token. */
async function fetchToken(
  url: URL,
  { parameters }: Challenge,
  options: RegistryAuthOptions,
): Promise<Proof> {
  const { client, host, repository, findLogin, now } = options;
  const scopes = scopesOf(parameters.get('scope'), options);
  const realm = realmOf(url, parameters.get('realm') ?? '', options);
  const login = await findLogin(host, repository);
  const service = parameters.get('service');
  const asked = service === undefined ? {} : { service };
  const form =
    login?.type === 'identity'
      ? new URLSearchParams({
          ...asked,
          scope: scopes.join(' '),
          grant_type: 'refresh_token',
          refresh_token: login.token,
          client_id: CLIENT_ID,
        })
      : undefined;
  if (form === undefined) {
    for (const [name, value] of Object.entries(asked)) realm.searchParams.append(name, value);
    for (const scope of scopes) realm.searchParams.append('scope', scope);
  }
  const { data } = await client
    .read(realm, {
      maxBytes: MAX_TOKEN_BYTES,
      ...(form === undefined ? {} : { form }),
      ...(login?.type === 'basic' ? { credential: login } : {}),
    })
    .catch((cause: unknown) => {
      // It is the registry that somebody has, or lacks, credentials for.
      if (!isGantryError(cause, 'FETCH_DENIED')) throw cause;
      throw denied(
        realm,
        options,
        login === undefined ? 'it gives no token to nobody' : 'it takes no such password',
      );
    });
  const answer = decodeJson(tokenAnswer, data.toString('utf8'), {
    what: `the token of "${realm.host}"`,
    code: 'FETCH_REFUSED',
  });
  const token = answer.token ?? answer.access_token;
  if (token === undefined) throw denied(realm, options, 'it gives no token');
  const lifetime = Math.max(answer.expires_in ?? DEFAULT_SECONDS, DEFAULT_SECONDS) * 1000;

  return { credential: { type: 'oauth', token }, until: now() + lifetime - MARGIN_MS };
}

/** What the registry asks for; who pushes wants that from the start, and further tokens are for as much. */
function scopesOf(
  asked: string | undefined,
  { repository, purpose }: RegistryAuthOptions,
): readonly string[] {
  const own = `repository:${repository}:${purpose === 'push' ? 'pull,push' : 'pull'}`;
  if (purpose !== 'push') return [asked ?? own];

  return [...new Set([own, ...(asked?.split(' ') ?? [])])].filter(Boolean);
}

/** Where tokens are to be had: passwords that are asked for over HTTPS go over HTTPS. */
function realmOf(url: URL, realm: string, options: RegistryAuthOptions): URL {
  const target = URL.canParse(realm) ? new URL(realm) : undefined;
  const isSafe =
    target?.protocol === 'https:' || (target?.protocol === 'http:' && url.protocol === 'http:');
  if (target === undefined || !isSafe || target.username !== '' || target.password !== '') {
    throw denied(url, options, `it sends to "${realm.slice(0, 200)}" for a token`);
  }

  return target;
}
