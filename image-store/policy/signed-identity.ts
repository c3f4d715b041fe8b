import { asRegistryReference, DOCKER_HUB, onDockerHub } from '../reference/oci-reference.ts';
import type { LocalReference, RegistryReference } from '../reference/index.ts';
import type { SignedIdentity } from './policy.ts';

/** A name as a signature or a policy has it, spelled out. */
interface Name {
  /** `HOST/REPOSITORY`. */
  readonly repository: string;
  /** Undefined when none was written. */
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/**
 * Whether a signature is for the name by which an image was asked for.
 * @param signed the name in the signature; one that has none is for what lies in the
 *   repository, which no rule that wants a certain name takes for it
 */
export function matchesIdentity(
  identity: SignedIdentity,
  image: RegistryReference | LocalReference,
  signed: string | undefined,
): boolean {
  if (signed === undefined) return takesNameless(identity, image);
  const name = readName(signed);
  if (name === undefined) return false;
  switch (identity.type) {
    case 'exactReference':
      return isExact(readName(identity.dockerReference), name);
    case 'exactRepository':
      return readName(identity.dockerRepository)?.repository === name.repository;
    case 'matchExact':
      return isExact(nameOf(image), name);
    case 'matchRepository':
      return nameOf(image)?.repository === name.repository;
    case 'remapIdentity':
      return isExactOrByDigest(remap(nameOf(image), identity), name);
    default:
      return isExactOrByDigest(nameOf(image), name);
  }
}

function takesNameless(
  { type }: SignedIdentity,
  image: RegistryReference | LocalReference,
): boolean {
  if (type === 'matchRepository') return nameOf(image) !== undefined;

  return type === 'matchRepoDigestOrExact' && nameOf(image)?.digest !== undefined;
}

function isExact(wanted: Name | undefined, signed: Name): boolean {
  if (wanted === undefined) return false;
  const { repository, tag, digest } = wanted;
  const isWhole = tag !== undefined || digest !== undefined;

  return (
    isWhole && repository === signed.repository && tag === signed.tag && digest === signed.digest
  );
}

/** What is asked for by its digest is what it is, whatever it is called. */
function isExactOrByDigest(wanted: Name | undefined, signed: Name): boolean {
  return wanted?.digest === undefined
    ? isExact(wanted, signed)
    : wanted.repository === signed.repository;
}

/** An image that does not come from a registry has no such name. */
function nameOf(image: RegistryReference | LocalReference): Name | undefined {
  if (image.kind !== 'registry' || image.host === undefined) return undefined;
  const { host, repository, tag, digest } = image;

  return { repository: `${host}/${repository}`, tag, digest };
}

function remap(
  name: Name | undefined,
  { prefix, signedPrefix }: { readonly prefix: string; readonly signedPrefix: string },
): Name | undefined {
  if (name === undefined) return undefined;
  const { repository } = name;
  const isBelow = repository === prefix || repository.startsWith(`${prefix}/`);

  return isBelow
    ? { ...name, repository: `${signedPrefix}${repository.slice(prefix.length)}` }
    : name;
}

/** @returns undefined for what is no name */
function readName(text: string): Name | undefined {
  const reference = asRegistryReference(text);
  if (reference === undefined) return undefined;
  const { host, repository, tag, digest } = reference;
  const [last = ''] = text.slice(text.lastIndexOf('/') + 1).split('@');

  return {
    repository:
      host === undefined ? `${DOCKER_HUB}/${onDockerHub(repository)}` : `${host}/${repository}`,
    tag: last.includes(':') ? tag : undefined,
    digest,
  };
}
