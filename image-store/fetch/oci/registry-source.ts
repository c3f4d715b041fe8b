import { GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Descriptor } from '#schema/oci/descriptor';
import { INDEX_TYPES, MANIFEST_TYPES, SCHEMA_1_TYPES } from '#schema/oci/media-types';
import { readSignaturePlaces } from '../../policy/lookaside.ts';
import {
  DOCKER_HUB,
  onDockerHub,
  type RegistryReference,
  referenceUrl,
} from '../../reference/oci-reference.ts';
import {
  type FetchedManifest,
  openRepository,
  type Repository,
} from '../../registry/registry-client.ts';
import { createFindLogin } from '../../registry/logins.ts';
import type { FindLogin } from '../../registry/registry-auth.ts';
import { signaturesOf } from '../../registry/signature-source.ts';
import { openDownload } from '../download.ts';
import { createHttpClient } from '../http-client.ts';
import type { FetchContext } from '../request.ts';
import type { FetchSession } from '../session.ts';
import type { OciSource } from './source.ts';

/**
 * Opens an image in a registry; nothing is sent before it is asked for something.
 * @throws GantryError IMAGE_NAME_SHORT, REGISTRIES_INVALID
 */
export function openRegistrySource(session: FetchSession, image: RegistryReference): OciSource {
  const { host, repository: name, tag, digest } = image;
  if (host === undefined) throw shortName(image);
  const { context, insecure, warn } = session;
  const { http, log, signal } = context;
  // Passwords are sent where a registry asks for them, not to every host that is called so.
  const client = createHttpClient({ ...http, auth: [], log, signal, warn, insecure });
  const repository = openRepository(image, {
    client,
    findLogin: findLoginIn(context.logins),
    allowHttp: insecure.http,
    log,
    retries: http?.retries,
    signal,
    now: session.now,
  });
  const places = readSignaturePlaces(context.registriesDirs ?? []);

  return {
    image,
    what: `image "${image.text}"`,
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
    [Symbol.asyncDispose]: async () => await Promise.resolve(client.close()),
  };
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

/** Nothing is read before a registry asks who one is. */
function findLoginIn(logins: FetchContext['logins']): FindLogin {
  let find: Promise<FindLogin> | undefined;

  return async (host, repository) => {
    find ??= logins?.().then(createFindLogin);
    return await (await find)?.(host, repository);
  };
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
    const [elsewhere] = (descriptor.urls ?? []).filter((url) => URL.canParse(url));
    if (elsewhere === undefined || !isGantryError(error, 'FETCH_NOT_FOUND')) throw error;
    const { client, context } = session;
    const answer = await openDownload({
      client,
      url: new URL(elsewhere),
      maxBytes: descriptor.size,
      log: context.log,
      retries: context.http?.retries,
      signal: context.signal,
    });
    if ('unchanged' in answer) throw error;
    return answer.download.chunks();
  }
}

function shortName({ text, repository }: RegistryReference): GantryError {
  return new GantryError(
    'IMAGE_NAME_SHORT',
    `cannot fetch image "${text}": it does not say of which registry it is`,
    { hint: `for Docker Hub write docker://${DOCKER_HUB}/${onDockerHub(repository)}` },
  );
}
