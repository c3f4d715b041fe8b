import { GantryError } from '#base/errors/gantry-error';
import type { Branded } from './brand.ts';
import { quoted } from '#base/errors/quoted';

/**
 * A name of an image, label, annotation or isolator (appc types, AC Identifier):
 * `^[a-z0-9]+([-._~/][a-z0-9]+)*$`, and a `~` may follow a `/`, which the
 * specification's expression forbids but its example `example.com/~user/app_v1` has.
 * As a path it has no empty part and none that is `.` or `..`.
 */
export type AcIdentifier = Branded<'AcIdentifier'>;

/** A name of an app, volume, mount point or port: `^[a-z0-9]+(-[a-z0-9]+)*$` (appc types, AC Name). */
export type AcName = Branded<'AcIdentifier' | 'AcName'>;

const AC_IDENTIFIER = /^[a-z0-9]+(?:(?:[-._~/]|\/~)[a-z0-9]+)*$/;
const AC_NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** What an AC identifier must be, to follow `must be`. */
export const AC_IDENTIFIER_RULE =
  'lower-case letters and digits, joined by single characters of "-._~/"';

/** What an AC name must be, to follow `must be`. */
export const AC_NAME_RULE = 'lower-case letters and digits, joined by single "-"';

export function isAcIdentifier(text: string): text is AcIdentifier {
  return AC_IDENTIFIER.test(text);
}

export function isAcName(text: string): text is AcName {
  return AC_NAME.test(text);
}

/** @throws GantryError IDENTIFIER_INVALID */
export function parseAcIdentifier(text: string): AcIdentifier {
  if (isAcIdentifier(text)) return text;

  throw new GantryError(
    'IDENTIFIER_INVALID',
    `cannot use ${quoted(text)} as an identifier: it must be ${AC_IDENTIFIER_RULE}`,
  );
}

/** @throws GantryError NAME_INVALID */
export function parseAcName(text: string): AcName {
  if (isAcName(text)) return text;

  throw new GantryError(
    'NAME_INVALID',
    `cannot use ${quoted(text)} as a name: it must be ${AC_NAME_RULE}`,
  );
}

/**
 * Makes an AC name of any text, as rkt does for the default name of an app:
 * lower case, every run of other characters one dash, none at the edges.
 * @throws GantryError NAME_INVALID when no character is left
 */
export function sanitizeAcName(text: string): AcName {
  return parseAcName(
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-|-$/g, ''),
  );
}
