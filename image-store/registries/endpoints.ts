import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { scopesOf } from '../policy/policy-scope.ts';
import {
  formatRegistryReference,
  parseRegistryReference,
  type RegistryReference,
} from '../reference/oci-reference.ts';
import type { Mirror, Registries, RegistryTable } from './registries.ts';

/** One place where an image is asked for. */
export interface Endpoint {
  /** The image as it is called there; its name for everybody else is the one that was asked for. */
  readonly image: RegistryReference;
  /** Whether plain HTTP and unchecked certificates will do, of this host. */
  readonly insecure: boolean;
  readonly isMirror: boolean;
}

/**
 * Where an image is asked for, in this order: at the mirrors of the registry
 * whose prefix says the most about it, then at its location. What is blocked is
 * left out: a registry whose mirrors alone are asked is blocked itself.
 * @throws GantryError REGISTRY_BLOCKED, REGISTRIES_INVALID
 */
export function endpointsOf(
  registries: Registries,
  image: RegistryReference,
): readonly [Endpoint, ...Endpoint[]] {
  const table = tableOf(registries, image);
  if (table === undefined) return [{ image, insecure: false, isMirror: false }];

  const mirrors = table.mirrors
    .filter((mirror) => isAsked(mirror, image))
    .map((mirror) => ({ ...endpoint(table, image, mirror), isMirror: true }))
    .filter((each) => tableOf(registries, each.image)?.blocked !== true);
  const own = endpoint(table, image, table);
  const blocking = table.blocked ? table : tableOf(registries, own.image);
  const [first, ...others] =
    blocking?.blocked === true ? mirrors : [...mirrors, { ...own, isMirror: false }];
  if (first !== undefined) return [first, ...others];

  throw new GantryError(
    'REGISTRY_BLOCKED',
    `cannot fetch image "${image.text}": "${blocking?.prefix}" is blocked`,
    { hint: `see ${blocking?.source}` },
  );
}

function tableOf({ tables }: Registries, image: RegistryReference): RegistryTable | undefined {
  const prefix = scopesOf(image).find((scope) => tables.has(scope));

  return prefix === undefined ? undefined : tables.get(prefix);
}

function isAsked({ pullFrom }: Mirror, { digest }: RegistryReference): boolean {
  return pullFrom === 'all' || (pullFrom === 'digest-only') === (digest !== undefined);
}

function endpoint(
  table: RegistryTable,
  image: RegistryReference,
  { location, insecure }: Pick<RegistryTable, 'location' | 'insecure'>,
): Omit<Endpoint, 'isMirror'> {
  const there = location === undefined ? image : moved(image, table, location);

  return { image: there, insecure };
}

/** What stands behind the prefix, a port behind a domain included, stands behind the location too. */
function moved(
  image: RegistryReference,
  { prefix, source }: RegistryTable,
  location: string,
): RegistryReference {
  const text = `${location}${restAfter(image, prefix)}`;
  try {
    return parseRegistryReference(`docker://${text}`, text);
  } catch (error) {
    if (!isGantryError(error, 'IMAGE_REFERENCE_INVALID')) throw error;
    throw new GantryError(
      'REGISTRIES_INVALID',
      `cannot find image "${image.text}" by ${source}: it would be at "${text}"`,
      { cause: error },
    );
  }
}

function restAfter(image: RegistryReference, prefix: string): string {
  const whole = formatRegistryReference(image);
  if (prefix.startsWith('*.')) return whole.slice((image.host ?? '').replace(/:\d+$/, '').length);
  // A prefix with a digest begins the name without its tag.
  const text = whole.startsWith(prefix)
    ? whole
    : formatRegistryReference({ ...image, tag: undefined });

  return text.slice(prefix.length);
}
