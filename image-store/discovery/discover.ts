import { errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Log } from '#base/log/log';
import type { HttpClient } from '../fetch/http-client.ts';
import { fetchFailure } from '../fetch/http-failure.ts';
import { formatImageName, type ImageName } from '../reference/image-name.ts';
import { type DiscoveryTags, isAbout, readDiscoveryTags } from './meta-tags.ts';
import { type Endpoint, endpointOf } from './template.ts';

/** What discovery works with. */
export interface DiscoveryContext {
  readonly client: Pick<HttpClient, 'read'>;
  readonly log: Log;
  /** Whether plain HTTP may be used where HTTPS does not work. */
  readonly allowHttp: boolean;
}

/** A head of a page is far smaller. */
const MAX_PAGE_BYTES = 1024 * 1024;
/** So many places of an image, or of keys, are tried: a page may name thousands that never answer. */
const MAX_PLACES = 16;

/**
 * Finds where an image can be had, the endpoints to be tried in this order
 * (appc, Discovery; fact sheet 4.5).
 * @throws GantryError DISCOVERY_FAILED, or a `FetchFailure` when the host cannot be reached
 */
export async function discover(
  context: DiscoveryContext,
  image: ImageName,
): Promise<readonly Endpoint[]> {
  const { found, obstacle } = await walk(context, image.name, ({ images }) => {
    const endpoints = images
      .filter(({ prefix }) => isAbout(prefix, image.name))
      .map(({ value }) => endpointOf(value, image))
      .filter((endpoint) => endpoint !== undefined);
    return allowed(endpoints, { urlOf: (endpoint) => endpoint.image, context });
  });
  if (found.length > 0) return found;

  throw new GantryError(
    'DISCOVERY_FAILED',
    `cannot find image "${formatImageName(image)}": no page at "${image.name}" or above it says where it is`,
    {
      hint:
        (isGantryError(obstacle) ? obstacle.hint : undefined) ??
        'look at the name, or give the address of the image itself',
      cause: obstacle,
    },
  );
}

/**
 * Finds the keys that a site says its images are signed by.
 * @returns addresses of key files; none when the site does not say
 * @throws GantryError a `FetchFailure` when the host cannot be reached
 */
export async function discoverKeyUrls(
  context: DiscoveryContext,
  name: string,
): Promise<readonly URL[]> {
  const { found } = await walk(context, name, ({ keys }) => {
    const urls = keys
      .filter(({ prefix }) => isAbout(prefix, name))
      .filter(({ value }) => URL.canParse(value))
      .map(({ value }) => new URL(value))
      .filter(({ protocol }) => /^https?:$/.test(protocol));
    return allowed(urls, { urlOf: (url) => url, context });
  });

  return found;
}

/** What a page, or all pages, said. */
interface Said<Found> {
  readonly found: readonly Found[];
  /** Why there may be more than was found. */
  readonly obstacle?: GantryError | undefined;
}

/** The places that may be asked, each once. */
function allowed<Place>(
  places: readonly Place[],
  { urlOf, context }: { urlOf: (place: Place) => URL; context: DiscoveryContext },
): Said<Place> {
  const byUrl = new Map(places.map((place) => [urlOf(place).href, place]));
  const isAllowed = (url: URL): boolean => context.allowHttp || url.protocol === 'https:';
  const found = [...byUrl.values()].filter((place) => isAllowed(urlOf(place)));
  const refused = places.map(urlOf).find((url) => !isAllowed(url));
  const state = 'plain HTTP is not allowed';
  const hint = 'use --insecure-options=http, or ask the publisher for HTTPS';

  return {
    found: found.slice(0, MAX_PLACES),
    obstacle: refused && fetchFailure('FETCH_INSECURE', refused, { state, hint }),
  };
}

/** Asks the page of a name, then those above it up to the host, until one says something. */
async function walk<Found>(
  context: DiscoveryContext,
  name: string,
  pick: (tags: DiscoveryTags) => Said<Found>,
): Promise<Said<Found>> {
  const parts = name.split('/');
  let obstacle: GantryError | undefined;
  for (let depth = parts.length; depth > 0; depth -= 1) {
    const page = await readPage(context, parts.slice(0, depth).join('/'));
    const said = typeof page === 'string' ? pick(readDiscoveryTags(page)) : { found: [], ...page };
    if (said.found.length > 0) return said;
    obstacle ??= said.obstacle;
  }

  return { found: [], obstacle };
}

/** @returns what kept us from the page where that is more than that there is none */
async function readPage(
  context: DiscoveryContext,
  path: string,
): Promise<string | Pick<Said<never>, 'obstacle'>> {
  const schemes = context.allowHttp ? ['https', 'http'] : ['https'];
  let failure: GantryError | undefined;
  for (const scheme of schemes) {
    const url = new URL(`${scheme}://${path}?ac-discovery=1`);
    try {
      const { data } = await context.client.read(url, { maxBytes: MAX_PAGE_BYTES, cut: true });
      return data.toString();
    } catch (error) {
      context.log.debug(`no discovery at ${scheme}://${path}: ${errorMessage(error)}`);
      if (!isGantryError(error)) throw error;
      failure ??= error;
    }
  }
  if (isGantryError(failure, 'FETCH_NOT_FOUND')) return {};
  if (isGantryError(failure, ...ANSWERS)) return { obstacle: failure };

  throw failure;
}

/** The server is there, but has no page for us: the one above may do. */
const ANSWERS = ['FETCH_DENIED', 'FETCH_REFUSED', 'FETCH_BUSY', 'FETCH_REDIRECT'];
