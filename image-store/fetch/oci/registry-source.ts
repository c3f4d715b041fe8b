import { join } from 'node:path';
import { isGantryError } from '#base/errors/gantry-error';
import type { Descriptor } from '#schema/oci/descriptor';
import { INDEX_TYPES, MANIFEST_TYPES, SCHEMA_1_TYPES } from '#schema/oci/media-types';
import { readSignaturePlaces } from '../../policy/lookaside.ts';
import {
  formatRegistryReference,
  type RegistryReference,
  referenceUrl,
} from '../../reference/oci-reference.ts';
import type { Endpoint } from '../../registries/endpoints.ts';
import { type Connection, connect, findLoginIn } from '../../registry/connect.ts';
import {
  type FetchedManifest,
  openRepository,
  type Repository,
} from '../../registry/registry-client.ts';
import { type NamedRepository, severalRepositories } from '../../registry/several-repositories.ts';
import { signaturesOf } from '../../registry/signature-source.ts';
import { askInOrder } from '../ask-in-order.ts';
import { openFixed } from '../download.ts';
import type { FetchSession } from '../session.ts';
import type { OciSource } from './source.ts';

/** An image of a registry, and where it is asked for. */
export interface PlacedImage {
  /** As it is called, whoever gives it. */
  readonly image: RegistryReference;
  readonly endpoints: readonly Endpoint[];
  /** Who is asked for credentials; the files of podman and docker alone where undefined. */
  readonly credentialHelpers: readonly string[] | undefined;
}

/**
 * Opens an image in a registry; nothing is sent before it is asked for something.
 * @throws GantryError REGISTRIES_INVALID
 */
export function openRegistrySource(
  session: FetchSession,
  { image, endpoints, credentialHelpers }: PlacedImage,
): OciSource {
  const { host, repository: name, tag, digest } = image;
  const { context } = session;
  const what = `image "${image.text}"`;
  const findLogin = findLoginIn(context.logins, credentialHelpers);
  const opened = endpoints.map((endpoint, index) => {
    const isLast = index === endpoints.length - 1;
    return openEndpoint(endpoint.image, connect(session, endpoint, { findLogin, isLast }));
  });
  const repository = severalRepositories(opened, { what, log: context.log });
  const folders = (context.configDirs ?? []).map((dir) => join(dir, 'registries.d'));
  const places = readSignaturePlaces(folders);

  return {
    image,
    what,
    reference: referenceUrl(image),
    name: `${host}/${name}`,
    version: tag,
    signatures: signaturesOf({ image, repository, places, client: session.client }),
    async top() {
      const found = await repository.manifest(digest ?? tag ?? '');
      return { ...found, mediaType: typeOf(found) };
    },
    async *open(descriptor) {
      if (isManifest(descriptor.mediaType)) {
        // Registries keep manifests apart from other blobs.
        yield (await repository.manifest(descriptor.digest)).bytes;
        return;
      }
      yield* await openBlob({ session, repository }, descriptor);
    },
    async [Symbol.asyncDispose]() {
      for (const { connection } of opened) connection[Symbol.dispose]();
      await Promise.resolve();
    },
  };
}

interface OpenEndpoint extends NamedRepository {
  readonly connection: Connection;
}

function openEndpoint(image: RegistryReference, connection: Connection): OpenEndpoint {
  const name = formatRegistryReference({ ...image, tag: undefined, digest: undefined });

  return { name, repository: openRepository(image, connection.options), connection };
}

function isManifest(mediaType: string): boolean {
  return [INDEX_TYPES, MANIFEST_TYPES, SCHEMA_1_TYPES].some((types) => types.has(mediaType));
}

/** Some registries say of every manifest that it is plain text, or nothing; then it may say itself what it is. */
function typeOf({ bytes, mediaType: told = '' }: FetchedManifest): string {
  if (isManifest(told)) return told;
  try {
    const { mediaType } = JSON.parse(bytes.toString()) as { readonly mediaType?: unknown };
    return typeof mediaType === 'string' ? mediaType : told;
  } catch {
    return told;
  }
}

interface Place {
  readonly session: FetchSession;
  readonly repository: Repository;
}

/** From the registry; what that does not have, from where its descriptor says that it is. */
async function openBlob(
  { session, repository }: Place,
  descriptor: Descriptor,
): Promise<AsyncGenerator<Buffer, void, undefined>> {
  try {
    return (await repository.blob(descriptor)).chunks();
  } catch (error) {
    const elsewhere = (descriptor.urls ?? []).filter((url) => URL.canParse(url));
    if (elsewhere.length === 0 || !isGantryError(error, 'FETCH_NOT_FOUND')) throw error;

    return await askInOrder({
      what: `layer ${descriptor.digest}`,
      places: elsewhere.slice(0, MOST_ADDRESSES),
      ask: async (url) => await openElsewhere(session, new URL(url), descriptor.size),
    });
  }
}

/** Of one layer; more are not asked. */
const MOST_ADDRESSES = 8;

async function openElsewhere(
  { client, context }: FetchSession,
  url: URL,
  maxBytes: number,
): Promise<AsyncGenerator<Buffer, void, undefined>> {
  const { log, http, signal } = context;
  const request = { client, url, maxBytes, log, retries: http?.retries, signal };

  return (await openFixed(request)).chunks();
}
