import pLimit, { type LimitFunction } from 'p-limit';
import { createHttpClient, type HttpClient } from './http-client.ts';
import type { FetchContext, FetchRequest, InsecureFetch } from './request.ts';

/** What everything that one call of `fetchImage` does has in common. */
export interface FetchSession extends Disposable {
  readonly context: FetchContext;
  readonly insecure: InsecureFetch;
  /** For pages, images and signatures. */
  readonly client: HttpClient;
  /** For keys, whose transport has an option of its own. */
  readonly keyClient: HttpClient;
  /** Warns, of the same thing once. */
  readonly warn: (message: string) => void;
  /** Lets so many downloads run at the same time. */
  readonly downloads: LimitFunction;
  /** Lets so many layers be on their way, or have come and not be placed yet. */
  readonly layers: LimitFunction;
  /** Lets one question at a time be asked. */
  readonly questions: LimitFunction;
  readonly now: () => number;
}

/** As many as podman's. */
const DEFAULT_PARALLEL = 6;
/** So many layers that have come wait for the disk while others are on their way. */
const AFTER_DOWNLOAD = 2;

/** Opens a session; disposing of it closes its connections. */
export function openSession(
  context: FetchContext,
  { insecure }: Pick<FetchRequest, 'insecure'>,
): FetchSession {
  const warned = new Set<string>();
  const warn = (message: string): void => {
    if (warned.has(message)) return;
    warned.add(message);
    context.log.warning(message);
  };
  const { log, signal } = context;
  const shared = { ...context.http, log, signal, warn };
  const client = createHttpClient({ ...shared, insecure });
  const keyClient = createHttpClient({
    ...shared,
    insecure: { tls: insecure.pubkey, http: insecure.pubkey },
  });

  const parallel = context.limits?.parallel ?? DEFAULT_PARALLEL;

  return {
    context,
    insecure,
    client,
    keyClient,
    warn,
    downloads: pLimit(parallel),
    layers: pLimit(parallel + AFTER_DOWNLOAD),
    questions: pLimit(1),
    now: context.clock ?? Date.now,
    [Symbol.dispose]: () => {
      client.close();
      keyClient.close();
    },
  };
}
