import * as v from 'valibot';
import type { Decoder } from './decoder.ts';
import { IMAGE_ID_RULE, type ImageId, isImageId } from './image-hash.ts';
import {
  AC_IDENTIFIER_RULE,
  AC_NAME_RULE,
  type AcIdentifier,
  type AcName,
  isAcIdentifier,
  isAcName,
} from './names.ts';
import { quoted } from '#base/errors/quoted';

/** Any text. */
export const text: Decoder<string> = v.string('must be text');

/** Text that `accept` accepts; `rule` says what it must be. */
export function textWhere<Text extends string>(
  accept: (given: string) => boolean,
  rule: string,
): Decoder<Text> {
  return v.custom<Text>(
    (given) => typeof given === 'string' && accept(given),
    ({ input }) =>
      typeof input === 'string' ? `must be ${rule}, not ${quoted(input)}` : 'must be text',
  );
}

export const boolean: Decoder<boolean> = v.boolean('must be true or false');

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number): Decoder<number> {
  return v.custom<number>(
    (given) => typeof given === 'number' && Number.isInteger(given) && given >= min && given <= max,
    ({ input }) =>
      typeof input === 'number'
        ? `must be a whole number from ${min} to ${max}, not ${input}`
        : 'must be a number',
  );
}

export const acName: Decoder<AcName> = textWhere(isAcName, AC_NAME_RULE);
export const acIdentifier: Decoder<AcIdentifier> = textWhere(isAcIdentifier, AC_IDENTIFIER_RULE);
export const imageId: Decoder<ImageId> = textWhere(isImageId, IMAGE_ID_RULE);

/** Text that can be an argument, a value of the environment or a path: the kernel ends it at a NUL. */
export const cText: Decoder<string> = textWhere(isExact, 'text without NUL or half a character');

/** The same, and not empty. */
export const cWord: Decoder<string> = textWhere(
  (given) => given !== '' && isExact(given),
  'text without NUL or half a character, and not empty',
);

export const absolutePath: Decoder<string> = textWhere(isAbsolutePath, 'an absolute path');

/** An absolute path; the empty text, which Go writes for a path that was not set, counts as absent. */
export const optionalPath: Decoder<string | undefined> = v.pipe(
  textWhere<string>((given) => given === '' || isAbsolutePath(given), 'an absolute path'),
  v.transform((given) => (given === '' ? undefined : given)),
);

/** A user or group id; the highest number means "leave unchanged" to the kernel. */
export const unixId: Decoder<number> = integer(0, 2 ** 32 - 2);

export const portNumber: Decoder<number> = integer(1, 65_535);

function isAbsolutePath(given: string): boolean {
  return given.startsWith('/') && isExact(given);
}

/** Half a character, which JSON can hold by its number, would reach the kernel as another one. */
function isExact(given: string): boolean {
  return !given.includes('\0') && given.isWellFormed();
}
