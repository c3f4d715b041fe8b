import { GantryError } from '#base/errors/gantry-error';

const HINT = 'fetch the image again; if it stays so, its author has to build it anew';

/** The archive breaks the tar format: `ARCHIVE_CORRUPT`. */
export function corrupt(state: string): GantryError {
  return new GantryError('ARCHIVE_CORRUPT', `cannot read the archive: ${state}`, { hint: HINT });
}

/** The archive ends too early: `ARCHIVE_TRUNCATED`. */
export function truncated(state: string): GantryError {
  return new GantryError('ARCHIVE_TRUNCATED', `cannot read the archive: ${state}`, { hint: HINT });
}

/** An entry that is not placed: `ARCHIVE_ENTRY_REFUSED`, naming it. */
export function refused(path: string, state: string): GantryError {
  return new GantryError('ARCHIVE_ENTRY_REFUSED', `cannot extract "${shown(path)}": ${state}`);
}

/** What to do about an image that is too big. */
export const RAISE_LIMIT =
  'if you trust the image, raise "image-entries" or "image-bytes" in a document of the kind "limits" in limits.d';

/** The archive exceeds a limit: `ARCHIVE_TOO_BIG`. */
export function tooBig(state: string): GantryError {
  return new GantryError('ARCHIVE_TOO_BIG', `cannot read the archive: ${state}`, {
    hint: RAISE_LIMIT,
  });
}

/** The archive is not laid out as an ACI: `ACI_LAYOUT_INVALID` (appc spec, image layout). */
export function badLayout(state: string): GantryError {
  return new GantryError('ACI_LAYOUT_INVALID', `cannot accept the archive as an ACI: ${state}`);
}

/** A hostile name made harmless for a terminal and for one line of text. */
export function shown(path: string): string {
  // eslint-disable-next-line no-control-regex
  const clean = path.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '?');
  return clean.length > 300 ? `${clean.slice(0, 300)}…` : clean;
}

/** An archive that is larger than is allowed, whatever it holds. */
export function imageTooLarge(maxBytes: number): GantryError {
  return new GantryError(
    'IMAGE_TOO_LARGE',
    `cannot keep image: larger than ${maxBytes} bytes when unpacked`,
    { hint: RAISE_LIMIT },
  );
}

/** A blob of an image in the store is not what it was: `IMAGE_CORRUPT`. @param key of the image */
export function corruptImage(key: string, state: string, cause?: unknown): GantryError {
  return new GantryError('IMAGE_CORRUPT', `cannot use image ${key}: ${state}`, {
    hint: 'remove it with "gantry image rm" and fetch it again',
    cause,
  });
}
