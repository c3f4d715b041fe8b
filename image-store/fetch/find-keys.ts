import type { Log } from '#base/log/log';
import type { AcIdentifier } from '#schema/types/names';
import { discoverKeyUrls } from '../discovery/discover.ts';
import type { HttpClient } from './http-client.ts';
import { shown } from './http-failure.ts';
import type { FoundKeys } from './request.ts';

/** A file of public keys is a few kilobytes. */
const MAX_KEY_BYTES = 1024 * 1024;

/** How keys are looked for. */
export interface KeySearch {
  readonly client: Pick<HttpClient, 'read'>;
  readonly log: Log;
  /** Whether pages and keys may come over plain HTTP. */
  readonly allowHttp: boolean;
}

/**
 * The key files that the site of a name says its images are signed by.
 * @throws GantryError with one of `FetchFailure`
 */
export async function findKeys(
  search: KeySearch,
  prefix: AcIdentifier,
): Promise<readonly FoundKeys[]> {
  const urls = await discoverKeyUrls(search, prefix);

  return await Promise.all(
    urls.map(async (url) => ({ prefix, ...(await readKeys(search.client, url)) })),
  );
}

/**
 * Reads one key file.
 * @throws GantryError with one of `FetchFailure`
 */
export async function readKeys(
  client: Pick<HttpClient, 'read'>,
  url: URL,
): Promise<Pick<FoundKeys, 'url' | 'data'>> {
  const { answer, data } = await client.read(url, { maxBytes: MAX_KEY_BYTES });

  return { url: shown(answer.url), data };
}
