import { readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';

/**
 * Reads a file of certificates or a key.
 * @param hint for one that is not PEM
 * @throws GantryError CERTIFICATES_INVALID
 */
export function readPem(path: string, hint: string): Buffer {
  const pem = readCertificateFile(path);
  if (pem.includes('-----BEGIN ')) return pem;

  throw new GantryError('CERTIFICATES_INVALID', `cannot use "${path}": not a PEM file`, { hint });
}

/** @throws GantryError CERTIFICATES_INVALID */
export function readCertificateFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new GantryError('CERTIFICATES_INVALID', `cannot read "${path}": ${fileState(cause)}`, {
      cause,
    });
  }
}
