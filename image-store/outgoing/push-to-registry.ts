import { GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Descriptor } from '#schema/oci/descriptor';
import { shortDigest } from '#schema/oci/digest';
import { isForeignLayer } from '#schema/oci/media-types';
import type { FetchSession } from '../fetch/session.ts';
import { formatRegistryReference, type RegistryReference } from '../reference/oci-reference.ts';
import { type Endpoint, endpointsOf } from '../registries/endpoints.ts';
import { openRegistries } from '../registries/open-registries.ts';
import type { Registries } from '../registries/registries.ts';
import { connect, findLoginIn } from '../registry/connect.ts';
import { openUploads, type Uploads } from '../registry/registry-uploads.ts';
import { inParallel } from '../work/in-parallel.ts';
import { reported } from '../work/reported.ts';
import { mountSources } from './mount-sources.ts';
import type { OutgoingImage } from './outgoing-image.ts';

/**
 * Pushes an image to a registry, as it came: layers that are not there, several
 * at a time, then the configuration, then the manifest.
 * @param reference with a host
 * @throws GantryError IMAGE_CORRUPT, PUSH_DIGEST_MISMATCH, and a `FetchFailure`
 */
export async function pushToRegistry(
  session: FetchSession,
  image: OutgoingImage,
  reference: RegistryReference,
): Promise<void> {
  demandDigest(image, reference);
  try {
    await push(session, image, reference);
  } catch (error) {
    throw pushFailure(error, image, reference);
  }
}

/** @throws GantryError PUSH_DIGEST_MISMATCH when the destination names another image by its digest */
function demandDigest(
  { key, descriptor }: OutgoingImage,
  { digest, text }: RegistryReference,
): void {
  if (digest === undefined || digest === descriptor.digest) return;

  throw new GantryError(
    'PUSH_DIGEST_MISMATCH',
    `cannot push image ${key} to "${text}": its manifest has the digest ${descriptor.digest}`,
    { hint: 'name a tag, or no digest' },
  );
}

function pushFailure(
  error: unknown,
  { origin }: OutgoingImage,
  reference: RegistryReference,
): unknown {
  if (!isGantryError(error) || !/^(?:FETCH_|REGISTRY_)/.test(error.code)) return error;
  const hint =
    error.code === 'FETCH_DENIED'
      ? `put credentials of somebody who may push there into auth.d, for "${reference.host}", or log in with docker or podman`
      : error.hint;

  return new GantryError(
    error.code,
    `cannot push image "${origin.reference}" to "${formatRegistryReference(reference)}"`,
    { hint, cause: error },
  );
}

async function push(
  session: FetchSession,
  image: OutgoingImage,
  reference: RegistryReference,
): Promise<void> {
  const { log, logins, configDirs = [] } = session.context;
  const registries = await openRegistries(configDirs, log);
  const endpoint = ownEndpoint(registries, reference);
  const findLogin = findLoginIn(logins, registries.credentialHelpers);
  using connection = connect(session, endpoint, { findLogin, isLast: true });
  const { image: there } = endpoint;
  const uploads = openUploads(there, connection.options);
  await pushBlobs(session, image, { uploads, reference: there });
  const { bytes, descriptor } = image;
  await uploads.putManifest(there.tag ?? descriptor.digest, { bytes, descriptor });
}

/** Where an image is pushed to. */
interface Place {
  readonly uploads: Uploads;
  /** As it is called there. */
  readonly reference: RegistryReference;
}

/** By registries.conf; never a mirror. */
function ownEndpoint(registries: Registries, reference: RegistryReference): Endpoint {
  const own = endpointsOf(registries, reference).find(({ isMirror }) => !isMirror);
  if (own !== undefined) return own;

  throw new GantryError('REGISTRY_BLOCKED', `cannot push to "${reference.text}": it is blocked`, {
    hint: 'registries.conf says so',
  });
}

async function pushBlobs(session: FetchSession, image: OutgoingImage, place: Place): Promise<void> {
  const { config, layers } = image.manifest;
  // Asked alone, so that who one is is asked for once.
  const hasConfig = await place.uploads.hasBlob(config.digest);
  const each = new Map(layers.filter((layer) => !isForeign(layer)).map((one) => [one.digest, one]));
  await inParallel(session.downloads, each.values(), async (layer, failed) => {
    await pushLayer(session, image, { ...place, layer, failed });
  });
  if (hasConfig) return;
  await place.uploads.putBlob({ descriptor: config, open: () => image.open(config) });
}

/** What is not to be pushed, and is elsewhere: OCI image specification, "Non-Distributable Layers". */
const isForeign = ({ mediaType, urls = [] }: Descriptor): boolean =>
  urls.length > 0 && isForeignLayer(mediaType);

interface OneLayer extends Place {
  readonly layer: Descriptor;
  readonly failed: AbortSignal;
}

async function pushLayer(
  session: FetchSession,
  image: OutgoingImage,
  { uploads, reference, layer, failed }: OneLayer,
): Promise<void> {
  const { log, signal, store } = session.context;
  const id = shortDigest(layer.digest);
  if (await uploads.hasBlob(layer.digest)) {
    log.debug(`layer ${id} is there already`);
    return;
  }
  const [from] = mountSources(store, reference, layer.digest);
  const open = (): AsyncGenerator<Buffer, void, undefined> =>
    reported(image.open(layer), {
      log,
      signal: AbortSignal.any([failed, ...(signal === undefined ? [] : [signal])]),
      id,
      what: `image "${image.origin.reference}"`,
      action: 'pushing',
      total: layer.size,
    });
  if (await uploads.putBlob({ descriptor: layer, open, from })) {
    log.debug(`layer ${id} is taken over from "${from}"`);
  }
}
