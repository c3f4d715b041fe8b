import { errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Log } from '#base/log/log';
import type { HttpClient } from '../fetch/http-client.ts';
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

/**
 * Finds where an image can be had, the endpoints to be tried in this order
 * (appc, Discovery; fact sheet 4.5).
 * @throws GantryError DISCOVERY_FAILED, or a `FetchFailure` when the host cannot be reached
 */
export async function discover(
  context: DiscoveryContext,
  image: ImageName,
): Promise<readonly Endpoint[]> {
  const found = await walk(context, image.name, ({ images }) =>
    images
      .filter(({ prefix }) => isAbout(prefix, image.name))
      .map(({ value }) => endpointOf(value, image))
      .filter((endpoint) => endpoint !== undefined)
      .filter(({ image: url }) => context.allowHttp || url.protocol === 'https:'),
  );
  if (found !== undefined) return found;

  throw new GantryError(
    'DISCOVERY_FAILED',
    `cannot find image "${formatImageName(image)}": no page at "${image.name}" or above it says where it is`,
    { hint: 'look at the name, or give the address of the image itself' },
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
  const found = await walk(context, name, ({ keys }) =>
    keys
      .filter(({ prefix }) => isAbout(prefix, name))
      .filter(({ value }) => URL.canParse(value))
      .map(({ value }) => new URL(value))
      .filter(
        ({ protocol }) => protocol === 'https:' || (context.allowHttp && protocol === 'http:'),
      ),
  );

  return found ?? [];
}

/** Asks the page of a name, then those above it up to the host, until one says something. */
async function walk<Found>(
  context: DiscoveryContext,
  name: string,
  pick: (tags: DiscoveryTags) => readonly Found[],
): Promise<readonly Found[] | undefined> {
  const parts = name.split('/');
  for (let depth = parts.length; depth > 0; depth -= 1) {
    const page = await readPage(context, parts.slice(0, depth).join('/'));
    const found = page === undefined ? [] : pick(readDiscoveryTags(page));
    if (found.length > 0) return found;
  }

  return undefined;
}

/** @returns undefined when the server has no such page */
async function readPage(context: DiscoveryContext, path: string): Promise<string | undefined> {
  const schemes = context.allowHttp ? ['https', 'http'] : ['https'];
  let failure: unknown;
  for (const scheme of schemes) {
    const url = new URL(`${scheme}://${path}?ac-discovery=1`);
    try {
      const { data } = await context.client.read(url, { maxBytes: MAX_PAGE_BYTES, cut: true });
      return data.toString();
    } catch (error) {
      context.log.debug(`no discovery at ${scheme}://${path}: ${errorMessage(error)}`);
      failure ??= error;
      if (!isGantryError(error)) throw error;
    }
  }
  if (isGantryError(failure, ...ANSWERS)) return undefined;

  throw failure;
}

/** The server is there, but has no page for us: the one above may do. */
const ANSWERS = [
  'FETCH_NOT_FOUND',
  'FETCH_DENIED',
  'FETCH_REFUSED',
  'FETCH_BUSY',
  'FETCH_REDIRECT',
];
