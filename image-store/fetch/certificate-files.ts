import { readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';

/** A file of certificates or a key. */
export interface PemFile {
  readonly path: string;
  /** The variable that names it, where one does. */
  readonly namedBy?: string | undefined;
  /** What to do when it is of no use. */
  readonly hint?: string | undefined;
}

/** @throws GantryError CERTIFICATES_INVALID for what is not PEM, or cannot be read */
export function readPem(file: PemFile): Buffer {
  const pem = readCertificateFile(file);
  if (pem.includes('-----BEGIN ')) return pem;

  throw useless(file, { action: 'use', state: 'not a PEM file' });
}

/** @throws GantryError CERTIFICATES_INVALID */
export function readCertificateFile(file: PemFile): Buffer {
  try {
    return readFileSync(file.path);
  } catch (cause) {
    throw useless(file, { action: 'read', state: fileState(cause), cause });
  }
}

interface Failure {
  readonly action: string;
  readonly state: string;
  readonly cause?: unknown;
}

function useless({ path, namedBy, hint }: PemFile, { action, state, cause }: Failure): GantryError {
  const named = namedBy === undefined ? '' : `, which ${namedBy} names`;

  return new GantryError('CERTIFICATES_INVALID', `cannot ${action} "${path}"${named}: ${state}`, {
    hint,
    cause,
  });
}
