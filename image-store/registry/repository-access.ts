import { isGantryError } from '#base/errors/gantry-error';
import type { Log } from '#base/log/log';
import type { HttpClient } from '../fetch/http-client.ts';
import type { HttpRetries } from '../fetch/http-options.ts';
import {
  DOCKER_HUB,
  DOCKER_HUB_REGISTRY,
  type RegistryReference,
} from '../reference/oci-reference.ts';
import { authenticating, type FindLogin, type RegistryAuthOptions } from './registry-auth.ts';

export interface RegistryOptions {
  /** That proves nothing to anybody. */
  readonly client: HttpClient;
  readonly findLogin: FindLogin;
  /** Whether a registry that does not speak HTTPS is asked over plain HTTP. */
  readonly allowHttp: boolean;
  readonly log: Log;
  readonly retries?: Partial<HttpRetries> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A repository on its host. */
export type RepositoryName = Pick<RegistryReference, 'host' | 'repository'>;

/** How a repository is talked to. */
export interface RepositoryAccess {
  /** That proves who one is to the registry. */
  readonly client: HttpClient;
  /** Of something there. */
  readonly address: (path: string) => Promise<URL>;
}

/** Gives access to a repository; nothing is sent before an address is asked for. */
export function accessTo(
  { host = DOCKER_HUB, repository }: RepositoryName,
  options: RegistryOptions,
  purpose?: RegistryAuthOptions['purpose'],
): RepositoryAccess {
  const { client, findLogin, now } = options;
  let origin: Promise<string> | undefined;

  return {
    client: authenticating({ client, host, repository, findLogin, purpose, now }),
    address: async (path) => {
      origin ??= findOrigin(serverOf(host), options);
      return new URL(`${await origin}/v2/${repository}/${path}`);
    },
  };
}

/** The host that is talked to. */
export const serverOf = (host: string = DOCKER_HUB): string =>
  host === DOCKER_HUB ? DOCKER_HUB_REGISTRY : host;

/** HTTPS; where plain HTTP is allowed and nobody there speaks HTTPS, that. */
async function findOrigin(
  server: string,
  { client, allowHttp }: Pick<RegistryOptions, 'client' | 'allowHttp'>,
): Promise<string> {
  const secure = `https://${server}`;
  if (!allowHttp) return secure;
  try {
    (await client.get(new URL(`${secure}/v2/`), { accept: [401, 404] })).leave();
    return secure;
  } catch (error) {
    if (!isGantryError(error, 'FETCH_TLS', 'FETCH_NO_TLS', 'FETCH_UNREACHABLE')) throw error;
    return `http://${server}`;
  }
}
