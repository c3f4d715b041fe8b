import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import type { ImageKey } from '#schema/types/image-hash';
import { writeTarget } from '../archive/write-target.ts';
import type { FetchContext, InsecureFetch } from '../fetch/request.ts';
import { openSession } from '../fetch/session.ts';
import {
  DOCKER_HUB,
  type LocalReference,
  onDockerHub,
  type RegistryReference,
} from '../reference/oci-reference.ts';
import { dockerArchive } from './docker-archive.ts';
import { registryNameOf, savedName } from './image-names.ts';
import { ociArchive } from './oci-archive.ts';
import { writeToLayout } from './oci-directory.ts';
import { openOutgoing, type OutgoingImage } from './outgoing-image.ts';
import { pushToRegistry } from './push-to-registry.ts';

/** An image to push. */
export interface PushRequest {
  /** Kept from being removed by the caller. */
  readonly key: ImageKey;
  /** Where it is called what it is called in the store unless told. */
  readonly destination?: RegistryReference | LocalReference | undefined;
  /** Whether a file that is there is replaced. */
  readonly overwrite: boolean;
  readonly insecure: InsecureFetch;
}

/**
 * Pushes an image of the store to a registry, or writes it where it is told to.
 * @returns the digest of its manifest; of what `docker save` writes, which has none, that of its configuration
 * @throws GantryError IMAGE_NOT_OCI, IMAGE_CORRUPT, DESTINATION_MISSING, IMAGE_NAME_SHORT, PUSH_DIGEST_MISMATCH, TARGET_*, a `FetchFailure`
 */
export async function pushImage(request: PushRequest, context: FetchContext): Promise<string> {
  const image = await openOutgoing(context.store, request.key);
  const destination = request.destination ?? ownName(image);
  if (destination.kind === 'local') {
    return await writeLocal(image, { destination, request, context });
  }
  if (destination.host === undefined) throw shortName(destination);

  using session = openSession(context, request);
  await pushToRegistry(session, image, destination);
  return image.descriptor.digest;
}

/** Where the image came from; by its own digest where it came by one. */
function ownName({ key, origin, descriptor: { digest } }: OutgoingImage): RegistryReference {
  const name = registryNameOf(origin);
  if (name === undefined) {
    throw new GantryError(
      'DESTINATION_MISSING',
      `cannot push image ${key}: it has no name in a registry`,
      { hint: 'name a destination: docker://HOST/NAME:TAG' },
    );
  }

  return origin.version === undefined ? { ...name, tag: undefined, digest } : name;
}

interface Writing {
  readonly destination: LocalReference;
  readonly request: PushRequest;
  readonly context: FetchContext;
}

async function writeLocal(
  image: OutgoingImage,
  { destination: { form, path, name }, request: { overwrite }, context }: Writing,
): Promise<string> {
  const { digest } = image.descriptor;
  if (form === 'oci') {
    await writeToLayout({ kernel: context.kernel, dir: path }, { image, name });
    return digest;
  }
  const images = [{ image, name: name ?? savedName(image) }];
  if (form === 'oci-archive') {
    await writeTarget({ path, overwrite }, ociArchive(images));
    return digest;
  }
  await writeTarget({ path, overwrite }, dockerArchive(context.exec, images));
  return image.manifest.config.digest;
}

function shortName({ text, repository }: RegistryReference): GantryError {
  return new GantryError(
    'IMAGE_NAME_SHORT',
    `cannot push to ${quoted(text)}: it does not say to which registry`,
    { hint: `for Docker Hub write docker://${DOCKER_HUB}/${onDockerHub(repository)}` },
  );
}
