import { GantryError } from '#base/errors/gantry-error';
import type { Log } from '#base/log/log';
import type { AcIdentifier } from '#schema/types/names';
import type { KeySearch } from './find-keys.ts';
import type { HttpOptions } from './http-options.ts';
import type { FoundKeys } from './request.ts';

/** How servers are asked for keys. */
export interface KeySourceOptions {
  readonly log: Log;
  readonly http?: HttpOptions | undefined;
  /** Takes keys over plain HTTP, or from servers whose certificate is not good; `http` alone for `--insecure-allow-http`. */
  readonly insecure?: { readonly http: boolean; readonly tls: boolean } | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the keys of a prefix by discovery, for review.
 * @throws GantryError DISCOVERY_FAILED when its site names none, or a `FetchFailure`
 */
export async function discoverKeys(
  prefix: AcIdentifier,
  options: KeySourceOptions,
): Promise<readonly FoundKeys[]> {
  const { findKeys } = await import('./find-keys.ts');
  const found = await searching(options, async (search) => await findKeys(search, prefix));
  if (found.length > 0) return found;

  throw new GantryError(
    'DISCOVERY_FAILED',
    `cannot find keys of "${prefix}": no page at it or above it names any`,
    { hint: `ask the publisher for the key, and give it: gantry trust --prefix=${prefix} KEYFILE` },
  );
}

/**
 * Fetches one key file, for review.
 * @throws GantryError with one of `FetchFailure`
 */
export async function downloadKeys(
  url: URL,
  options: KeySourceOptions,
): Promise<Pick<FoundKeys, 'url' | 'data'>> {
  const { readKeys } = await import('./find-keys.ts');

  return await searching(options, async ({ client }) => await readKeys(client, url));
}

async function searching<Found>(
  { log, http, insecure = { http: false, tls: false }, signal }: KeySourceOptions,
  action: (search: KeySearch) => Promise<Found>,
): Promise<Found> {
  const { createHttpClient } = await import('./http-client.ts');
  const warn = (message: string): void => log.warning(message);
  const client = createHttpClient({ ...http, insecure, warn, log, signal });
  try {
    return await action({ client, log, warn, allowHttp: insecure.http });
  } finally {
    client.close();
  }
}
