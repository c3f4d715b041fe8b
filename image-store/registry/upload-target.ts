import type { Answer } from '../fetch/exchange.ts';
import { brief, fetchFailure } from '../fetch/http-failure.ts';

/** Signed addresses have some hundred characters. */
const MAX_LOCATION = 8000;

/**
 * Where a registry wants a blob to be sent: distribution specification, "POST then
 * PUT"; absolute or not, its query kept. What was begun over HTTPS goes on so.
 * @throws GantryError FETCH_REFUSED
 */
export function uploadTarget({ url, headers }: Answer, digest: string): URL {
  const location = headers.get('location') ?? '';
  const isSane = location !== '' && location.length <= MAX_LOCATION;
  const target = isSane && URL.canParse(location, url) ? new URL(location, url) : undefined;
  const isSafe =
    target?.protocol === 'https:' || (target?.protocol === 'http:' && url.protocol === 'http:');
  if (target === undefined || !isSafe || target.username !== '' || target.password !== '') {
    throw fetchFailure('FETCH_REFUSED', url, {
      state: `the registry wants blobs to be sent to "${brief(location)}"`,
    });
  }
  target.searchParams.set('digest', digest);

  return target;
}
