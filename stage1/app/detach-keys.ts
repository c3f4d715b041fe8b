import { GantryError } from '#base/errors/gantry-error';

/** What leaves a terminal unless something else is told; podman's and docker's. */
export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

/**
 * Reads keys as podman and docker write them: single characters and `ctrl-X`,
 * by commas; empty for none.
 * @returns the bytes that a terminal sends for them
 * @throws GantryError DETACH_KEYS_INVALID
 */
export function parseDetachKeys(text: string): Uint8Array {
  if (text === '') return new Uint8Array();

  return Uint8Array.from(text.split(','), (key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    // ASCII: a control character is its letter without the bits of 0x60.
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);

    throw new GantryError('DETACH_KEYS_INVALID', `cannot read keys "${text}": "${key}" is none`, {
      hint: `write them as in ${DEFAULT_DETACH_KEYS}; a key is a character, or ctrl- and one of a to z, @, [, \\, ], ^ and _`,
    });
  });
}
