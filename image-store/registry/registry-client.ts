import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { isGantryError } from '#base/errors/gantry-error';
import { type Descriptor, descriptor } from '#schema/oci/descriptor';
import { digestAlgorithm, isOciDigest, type OciDigest } from '#schema/oci/digest';
import { digestOfBytes } from '#schema/oci/digest-bytes';
import { MAX_MANIFEST_BYTES } from '#schema/oci/manifest';
import { INDEX_TYPES, MANIFEST_TYPES } from '#schema/oci/media-types';
import { type Download, openFixed } from '../fetch/download.ts';
import type { HttpClient } from '../fetch/http-client.ts';
import { fetchFailure } from '../fetch/http-failure.ts';
import { accessTo, type RegistryOptions, type RepositoryName } from './repository-access.ts';

/** A repository of a registry: OCI distribution specification 1.1. */
export interface Repository {
  /**
   * A manifest or an index, by its tag or digest, of that digest.
   * @throws GantryError FETCH_NOT_FOUND, DIGEST_MISMATCH, and the other failures of fetching
   */
  manifest(reference: string): Promise<FetchedManifest>;
  /** As `manifest`, undefined when there is none. */
  findManifest(reference: string): Promise<FetchedManifest | undefined>;
  /**
   * What refers to a manifest: distribution specification, "Listing referrers"; of
   * a registry that does not list them, what its clients have listed by a tag.
   */
  referrers(manifest: OciDigest): Promise<readonly Referrer[]>;
  /** A small blob, of its digest. @throws GantryError with one of `FetchFailure` */
  read(descriptor: Descriptor): Promise<Buffer>;
  /** A blob as it comes, its digest not checked. @throws GantryError with one of `FetchFailure` */
  blob(descriptor: Descriptor): Promise<Download>;
}

/** Something that refers to a manifest. */
export interface Referrer extends Descriptor {
  /** What it is; of older clients, the type of its configuration. */
  readonly artifactType?: string | undefined;
}

export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly digest: OciDigest;
  /** As the registry says. */
  readonly mediaType: string | undefined;
}

/** What manifests may be (distribution specification, "Pulling manifests"). */
const ACCEPTED_TYPES = [...INDEX_TYPES, ...MANIFEST_TYPES].join(', ');

/** Opens a repository; nothing is sent before something is asked for. */
export function openRepository(name: RepositoryName, options: RegistryOptions): Repository {
  const { log, retries, signal } = options;
  const { client, address } = accessTo(name, options);

  const manifest: Repository['manifest'] = async (reference) => {
    const { answer, data } = await client.read(await address(`manifests/${reference}`), {
      maxBytes: MAX_MANIFEST_BYTES,
      headers: { accept: ACCEPTED_TYPES },
    });
    const told = answer.headers.get('docker-content-digest');
    const digest = demandDigest(answer.url, data, [reference, told ?? '']);
    const mediaType = answer.headers.get('content-type')?.split(';')[0]?.trim();

    return { bytes: data, digest, mediaType };
  };
  const findManifest: Repository['findManifest'] = async (reference) =>
    await orNothing(async () => await manifest(reference));

  return {
    manifest,
    findManifest,

    async referrers(digest) {
      const listed = await orNothing(
        async () => await listReferrers(client, await address(`referrers/${digest}`)),
      );
      if (listed !== undefined) return listed;
      const tagged = await findManifest(digest.replace(':', '-'));
      return tagged === undefined ? [] : parseReferrers(tagged.bytes, digest);
    },

    async read({ digest, size }) {
      const { answer, data } = await client.read(await address(`blobs/${digest}`), {
        maxBytes: size,
      });
      demandDigest(answer.url, data, [digest]);
      return data;
    },

    async blob({ digest, size }) {
      const url = await address(`blobs/${digest}`);
      const request = { client, url, maxBytes: size, log, retries, signal };

      return await openFixed(request);
    },
  };
}

/** @returns undefined where the registry says that there is no such thing */
async function orNothing<Value>(ask: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isGantryError(error, 'FETCH_NOT_FOUND')) return undefined;
    throw error;
  }
}

/** Pages of a list of referrers, at most: hostile registries have endless ones. */
const MOST_PAGES = 16;

async function listReferrers(client: HttpClient, first: URL): Promise<readonly Referrer[]> {
  const found: Referrer[] = [];
  let url: URL | undefined = first;
  for (let page = 0; url !== undefined && page < MOST_PAGES; page += 1) {
    const { answer, data } = await client.read(url, { maxBytes: MAX_MANIFEST_BYTES });
    found.push(...parseReferrers(data, answer.url.href));
    url = nextPage(answer.headers.get('link'), url);
  }

  return found;
}

/** The address in `<address>; rel="next"`, when it is of the same server. */
function nextPage(link: string | null, url: URL): URL | undefined {
  const [, target] = /^<([^<>]+)>;\s*rel="?next"?$/.exec(link ?? '') ?? [];
  if (target === undefined || !URL.canParse(target, url)) return undefined;
  const next = new URL(target, url);

  return next.origin === url.origin ? next : undefined;
}

const referrerList = v.object({
  manifests: v.array(
    v.pipe(
      v.looseObject({ artifactType: v.optional(v.string()) }),
      v.check((value) => v.is(descriptor, value), 'must be a descriptor'),
    ),
  ),
});

const parseReferrers = (bytes: Buffer, what: string): readonly Referrer[] =>
  decodeJson(referrerList, bytes.toString('utf8'), {
    what: `what refers to "${what}"`,
    code: 'FETCH_REFUSED',
  }).manifests as unknown as readonly Referrer[];

/** What was asked for by its digest is that; what the registry says of it is at least no lie. */
function demandDigest(url: URL, data: Buffer, texts: readonly string[]): OciDigest {
  const claims = texts.filter((text) => isOciDigest(text));
  for (const claim of claims) {
    const found = digestOfBytes(data, digestAlgorithm(claim));
    if (found === claim) continue;
    throw fetchFailure('FETCH_REFUSED', url, {
      state: `what it sends has the digest ${found}, not ${claim}`,
    });
  }

  return claims[0] ?? digestOfBytes(data, 'sha256');
}
