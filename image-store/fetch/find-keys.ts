import { type GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Log } from '#base/log/log';
import type { AcIdentifier } from '#schema/types/names';
import { discoverKeyUrls } from '../discovery/discover.ts';
import { isUnfetched, noneWorks } from './ask-in-order.ts';
import type { HttpClient } from './http-client.ts';
import { shown } from './http-failure.ts';
import type { FoundKeys } from './request.ts';

/** A file of public keys is a few kilobytes. */
const MAX_KEY_BYTES = 1024 * 1024;

/** How keys are looked for. */
export interface KeySearch {
  readonly client: Pick<HttpClient, 'read'>;
  readonly log: Log;
  /** Told of key files that cannot be had while others can. */
  readonly warn: (message: string) => void;
  /** Whether pages and keys may come over plain HTTP. */
  readonly allowHttp: boolean;
}

/**
 * The key files that the site of a name says its images are signed by, as far
 * as they can be had.
 * @throws GantryError with one of `FetchFailure` when none can, or the site cannot be asked
 */
export async function findKeys(
  search: KeySearch,
  prefix: AcIdentifier,
): Promise<readonly FoundKeys[]> {
  const urls = await discoverKeyUrls(search, prefix);
  const answers = await Promise.all(urls.map(async (url) => await tryKeys(search.client, url)));
  const found = answers.filter((answer) => 'data' in answer);
  const failures = answers.filter((answer) => 'code' in answer);
  if (found.length === 0 && failures.length > 0) throw noneWorks(`keys of "${prefix}"`, failures);

  for (const { message } of failures) {
    search.warn(`keys of "${prefix}" are left out: ${message}`);
  }
  return found.map((keys) => ({ prefix, ...keys }));
}

type ReadKeys = Pick<FoundKeys, 'url' | 'data'>;

/** @returns the failure where other files may do instead */
async function tryKeys(client: KeySearch['client'], url: URL): Promise<ReadKeys | GantryError> {
  try {
    return await readKeys(client, url);
  } catch (error) {
    if (isGantryError(error) && isUnfetched(error)) return error;
    throw error;
  }
}

/**
 * Reads one key file.
 * @throws GantryError with one of `FetchFailure`
 */
export async function readKeys(client: Pick<HttpClient, 'read'>, url: URL): Promise<ReadKeys> {
  const { answer, data } = await client.read(url, { maxBytes: MAX_KEY_BYTES });

  return { url: shown(answer.url), data };
}
