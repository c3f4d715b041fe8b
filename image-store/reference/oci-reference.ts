import { resolve } from 'node:path';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import { isOciDigest, type OciDigest } from '#schema/oci/digest';

/** An OCI or Docker image in a registry. */
export interface RegistryReference {
  readonly kind: 'registry';
  readonly text: string;
  /** Host and port; undefined for a short name, of which only configuration says where it is. */
  readonly host: string | undefined;
  /** The repository on the host. */
  readonly repository: string;
  /** `latest` when neither a tag nor a digest was given. */
  readonly tag: string | undefined;
  readonly digest: OciDigest | undefined;
}

/** How an image lies on this machine: as an OCI layout, the same in a tar archive, or as `docker save` writes it. */
export type LocalForm = 'oci' | 'oci-archive' | 'docker-archive';

/** An OCI or Docker image that lies on this machine. */
export interface LocalReference {
  readonly kind: 'local';
  readonly text: string;
  readonly form: LocalForm;
  readonly path: string;
  /** Which of the images there; the only one when undefined. */
  readonly name: string | undefined;
}

/** Where Docker Hub is, and the repositories there that are named by one word. */
export const DOCKER_HUB = 'docker.io';
/** Docker Hub answers elsewhere than it is called. */
export const DOCKER_HUB_REGISTRY = 'registry-1.docker.io';
const HUB_ALIAS = 'index.docker.io';
const HUB_LIBRARY = 'library/';

const MAX_REPOSITORY = 255;

// The grammar of the distribution project's references (distribution/reference).
const HOST_PART = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const HOST = new RegExp(
  `^(?:${HOST_PART}(?:\\.${HOST_PART})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`,
);
const PATH_PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const REPOSITORY = new RegExp(`^${PATH_PART}(?:/${PATH_PART})*$`);
const TAG = /^[\w][\w.-]{0,127}$/;

/** The value of `org.opencontainers.image.ref.name` (OCI image specification, annotations). */
const REF_PART = '[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*';
const REF_NAME = new RegExp(`^${REF_PART}(?:/${REF_PART})*$`);

/**
 * Reads what follows `docker://`: `[HOST[:PORT]/]NAME[:TAG][@DIGEST]`.
 * @param text the whole, for errors
 * @throws GantryError IMAGE_REFERENCE_INVALID
 */
export function parseRegistryReference(text: string, rest: string): RegistryReference {
  const { name, tag, digest } = splitReference(text, rest);
  const { host, repository } = locate(text, name);
  if (repository === '' || repository.length > MAX_REPOSITORY || !REPOSITORY.test(repository)) {
    throw invalid(text, `${quoted(repository)} is not the name of a repository`, REPOSITORY_HINT);
  }

  return {
    kind: 'registry',
    text,
    host,
    repository: host === DOCKER_HUB ? onDockerHub(repository) : repository,
    tag: tag ?? (digest === undefined ? 'latest' : undefined),
    digest,
  };
}

/** As `parseRegistryReference`; undefined for what is none. */
export function asRegistryReference(
  text: string,
  rest: string = text,
): RegistryReference | undefined {
  try {
    return parseRegistryReference(text, rest);
  } catch (error) {
    if (isGantryError(error, 'IMAGE_REFERENCE_INVALID')) return undefined;
    throw error;
  }
}

const REPOSITORY_HINT =
  'it is lower-case letters and digits, joined by ".", "_", "__" or dashes, with "/" between parts';

interface Parts {
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: OciDigest | undefined;
}

function splitReference(text: string, rest: string): Parts {
  const [tagged = '', digest, ...more] = rest.split('@');
  if (more.length > 0) throw invalid(text, 'it has more than one "@"', REGISTRY_HINT);
  if (digest !== undefined && !isOciDigest(digest)) {
    throw invalid(
      text,
      `${quoted(digest)} is not a digest`,
      'a digest is "sha256:" and 64 hexadecimal digits in lower case, or "sha512:" and 128',
    );
  }

  // A colon before the last slash belongs to a port.
  const colon = tagged.indexOf(':', tagged.lastIndexOf('/') + 1);
  const tag = colon === -1 ? undefined : tagged.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(
      text,
      `${quoted(tag)} is not a tag`,
      'a tag is up to 128 letters, digits, "_", "." and "-", the first of them no "." or "-"',
    );
  }

  return { name: colon === -1 ? tagged : tagged.slice(0, colon), tag, digest };
}

const REGISTRY_HINT = 'write it as docker://HOST[:PORT]/NAME[:TAG][@DIGEST]';

function locate(
  text: string,
  name: string,
): { readonly host: string | undefined; readonly repository: string } {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  if (!isHostPart(first)) return { host: undefined, repository: name };
  if (!HOST.test(first)) throw invalid(text, `${quoted(first)} is not a host`, REGISTRY_HINT);
  const port = /:(\d+)$/.exec(first)?.[1];
  if (port !== undefined && (Number(port) === 0 || Number(port) > 65_535)) {
    throw invalid(text, `there is no port ${port}`, REGISTRY_HINT);
  }

  return { host: canonicalHost(first), repository: name.slice(slash + 1) };
}

/** Whether what stands before the first slash is a host: `team/app` has none, and neither has `app`. */
export function isHostPart(first: string): boolean {
  return first === 'localhost' || /[.:[]/.test(first) || first !== first.toLowerCase();
}

/** A host as it stands in what is kept. */
export function canonicalHost(written: string): string {
  const host = written.toLowerCase();

  return host === HUB_ALIAS ? DOCKER_HUB : host;
}

/** A repository as Docker Hub calls it: its own images have the prefix `library/`. */
export function onDockerHub(repository: string): string {
  return repository.includes('/') ? repository : `${HUB_LIBRARY}${repository}`;
}

/** Whether this may be the name of an image that lies on this machine. */
export function isLocalName(text: string): boolean {
  return REF_NAME.test(text);
}

/**
 * Reads what follows `oci:`, `oci-archive:` or `docker-archive:`: `PATH[:NAME]`,
 * cut at the first colon as skopeo does.
 * @param text the whole, for errors
 * @throws GantryError IMAGE_REFERENCE_INVALID
 */
export function parseLocalReference(text: string, form: LocalForm): LocalReference {
  const rest = text.slice(form.length + 1);
  const colon = rest.indexOf(':');
  const path = colon === -1 ? rest : rest.slice(0, colon);
  const name = colon === -1 ? undefined : rest.slice(colon + 1);
  const hint = `write it as ${form}:PATH[:NAME]`;
  if (path === '') throw invalid(text, 'it names no path', hint);
  if (path.includes('\0')) throw invalid(text, 'its path has a zero byte', hint);
  if (name !== undefined && !isLocalName(name)) {
    throw invalid(text, `${quoted(name)} is not the name of an image`, hint);
  }

  return { kind: 'local', text, form, path, name };
}

/** A reference to an image on this machine as it is kept: with the whole path. */
export function formatLocalReference({ form, path, name }: LocalReference): string {
  return `${form}:${resolve(path)}${name === undefined ? '' : `:${name}`}`;
}

/** A reference to a registry as everybody writes it, without `docker://`. */
export function formatRegistryReference(
  reference: Omit<RegistryReference, 'kind' | 'text'>,
): string {
  const { host, repository, tag, digest } = reference;

  return [
    host === undefined ? '' : `${host}/`,
    repository,
    tag === undefined ? '' : `:${tag}`,
    digest === undefined ? '' : `@${digest}`,
  ].join('');
}

/** Under what a reference is kept, as that of a download under its URL. */
export function referenceUrl(reference: RegistryReference | LocalReference): string {
  return reference.kind === 'local'
    ? formatLocalReference(reference)
    : `docker://${formatRegistryReference(reference)}`;
}

function invalid(text: string, state: string, hint: string): GantryError {
  return new GantryError(
    'IMAGE_REFERENCE_INVALID',
    `cannot read image reference ${quoted(text)}: ${state}`,
    { hint },
  );
}
