import { nullLog } from '#base/log/log';
import {
  type ClientOptions,
  createHttpClient,
  type HttpClient,
} from '../../image-store/fetch/http-client.ts';
import type { RegistryLogin } from '../../image-store/registry/registry-auth.ts';
import type { RegistryOptions } from '../../image-store/registry/repository-access.ts';
import { type ImageServer, startImageServer } from '../doubles/image-server.ts';

/** A server in the place of registries, and a client of it. */
export interface AnsweringRegistry extends AsyncDisposable {
  readonly server: ImageServer;
  readonly client: HttpClient;
  /** For a repository there; nobody is known unless told. */
  optionsFor(login?: RegistryLogin): RegistryOptions;
}

/** @param names of the hosts that it answers for */
export async function startAnsweringRegistry(
  names: readonly string[],
  options: Partial<ClientOptions> = {},
): Promise<AnsweringRegistry> {
  const server = await startImageServer({ names });
  const client = createHttpClient({
    proxies: { https: server.proxy, http: server.proxy },
    certificateFiles: [{ path: server.caFile, namedBy: 'SSL_CERT_FILE' }],
    retries: { attempts: 2, delay: 1, maxDelay: 50 },
    insecure: { tls: false, http: false },
    warn: () => {},
    log: nullLog,
    ...options,
  });

  return {
    server,
    client,
    optionsFor: (login) => ({
      client,
      findLogin: async () => await Promise.resolve(login),
      allowHttp: false,
      log: nullLog,
      retries: { attempts: 3, delay: 1, maxDelay: 50 },
      now: Date.now,
    }),
    async [Symbol.asyncDispose]() {
      client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
