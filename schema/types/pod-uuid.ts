import { GantryError } from '#base/errors/gantry-error';
import type { Branded } from './brand.ts';
import { quoted } from '#base/errors/quoted';

/** The name of a pod: an RFC 4122 UUID in lower case with dashes, never the nil UUID. */
export type PodUuid = Branded<'PodUuid'>;

const CANONICAL = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const PLAIN = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/;
const NIL = '00000000-0000-0000-0000-000000000000';

/**
 * Reads a whole UUID, in either case, with or without its dashes.
 * @throws GantryError POD_UUID_INVALID
 */
export function parsePodUuid(text: string): PodUuid {
  const uuid = text.toLowerCase().replace(PLAIN, '$1-$2-$3-$4-$5');
  if (isPodUuid(uuid)) return uuid;

  throw new GantryError(
    'POD_UUID_INVALID',
    `cannot use ${quoted(text)} as the UUID of a pod: it must be 32 hexadecimal digits and not all zero`,
  );
}

function isPodUuid(text: string): text is PodUuid {
  return CANONICAL.test(text) && text !== NIL;
}
