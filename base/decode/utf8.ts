import { isUtf8 } from 'node:buffer';
import { GantryError } from '../errors/gantry-error.ts';

/** What a decoder puts where bytes are not UTF-8; it may also stand in a text by right. */
const REPLACEMENT = '\uFFFD';

/**
 * The text that bytes are, exactly.
 * @throws GantryError NOT_UTF8, whose message is the end of the caller's
 */
export function utf8Text(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();

  throw new GantryError('NOT_UTF8', 'it is not UTF-8');
}

/**
 * The places of texts that are not what this process was given: Node decodes
 * its arguments and its environment as UTF-8 and replaces what is none.
 * @param texts as Node has them
 * @param given reads the bytes of each, in the same order; called in doubt only
 */
export function alteredTexts(
  texts: readonly string[],
  given: () => readonly Buffer[],
): readonly number[] {
  const doubtful = [...texts.keys()].filter((index) => texts[index]?.includes(REPLACEMENT));
  if (doubtful.length === 0) return [];

  const bytes = given();
  return doubtful.filter((index) => !isUtf8(bytes[index] ?? Buffer.of(0xff)));
}
