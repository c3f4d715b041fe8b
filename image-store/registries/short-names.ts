import { GantryError } from '#base/errors/gantry-error';
import {
  asRegistryReference,
  DOCKER_HUB,
  formatRegistryReference,
  onDockerHub,
  parseRegistryReference,
  type RegistryReference,
} from '../reference/oci-reference.ts';
import type { Registries } from './registries.ts';

/**
 * The images that a name without a registry may mean, the likeliest first: what
 * an alias says, or one in each of the registries that are searched. Nobody is
 * asked, so that where the mode is `enforcing` several are an error.
 * @throws GantryError IMAGE_NAME_SHORT, IMAGE_NAME_AMBIGUOUS
 */
export function candidatesOf(
  registries: Registries,
  image: RegistryReference,
): readonly RegistryReference[] {
  const { aliases, search, shortNames, path } = registries;
  const alias = aliases.get(image.repository);
  if (alias !== undefined) return [wholeReference(alias, image)];
  if (search.length === 0) throw shortName(image, path);
  if (search.length > 1 && shortNames === 'enforcing') throw ambiguous(image, registries);

  return search.map((host) => wholeReference(`${host}/${image.repository}`, image));
}

/** A short name's tag and digest go over to what it stands for. */
function wholeReference(name: string, { tag, digest }: RegistryReference): RegistryReference {
  const text = formatRegistryReference({ host: undefined, repository: name, tag, digest });

  return parseRegistryReference(`docker://${text}`, text);
}

function shortName({ text, repository }: RegistryReference, path: string): GantryError {
  return new GantryError(
    'IMAGE_NAME_SHORT',
    `cannot find image "${text}": it does not say of which registry it is`,
    {
      hint: `for Docker Hub write docker://${DOCKER_HUB}/${onDockerHub(repository)}, or say in "${path}" which registries are searched`,
    },
  );
}

function ambiguous(image: RegistryReference, { search, path }: Registries): GantryError {
  const [first = ''] = search;

  return new GantryError(
    'IMAGE_NAME_AMBIGUOUS',
    `cannot find image "${image.text}": it may be of any of ${search.join(', ')}, and "short-name-mode" is "enforcing"`,
    {
      hint: `write docker://${first}/${image.repository}, or name it under [aliases] in "${path}"`,
    },
  );
}

const TAGGED = /:[^/]*$|@/;

/** Why a name can be no alias; undefined when it can. */
export function aliasNameProblem(name: string): string | undefined {
  const image = readName(name);
  if (image === undefined) return 'must be the name of an image, without tag and digest';

  return image.host === undefined ? undefined : 'must be a short name, without a registry';
}

/** Why an alias cannot stand for a name; undefined when it can, or takes an alias away. */
export function aliasValueProblem(name: string): string | undefined {
  if (name === '' || readName(name)?.host !== undefined) return undefined;

  return 'must be HOST[:PORT]/NAME, without tag and digest';
}

function readName(name: string): RegistryReference | undefined {
  return TAGGED.test(name) ? undefined : asRegistryReference(name);
}
