import { X509Certificate } from 'node:crypto';
import { GantryError } from '#base/errors/gantry-error';

const PEM = /-----BEGIN CERTIFICATE-----[\w\s+/=]+-----END CERTIFICATE-----/g;

/** The certificates in a text. @throws GantryError CERTIFICATE_INVALID */
export function parseCertificates(pem: string, what: string): readonly X509Certificate[] {
  const blocks = pem.match(PEM) ?? [];
  if (blocks.length === 0) throw invalidCertificate(what, 'there is none in it');
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw invalidCertificate(what, 'it cannot be read', cause);
  }
}

/** SHA-256 of each certificate in a text, lower-case hexadecimal. @throws GantryError CERTIFICATE_INVALID */
export const certificateFingerprints = (pem: Uint8Array, what: string): readonly string[] =>
  parseCertificates(Buffer.from(pem).toString('utf8'), what).map(({ fingerprint256 }) =>
    fingerprint256.replaceAll(':', '').toLowerCase(),
  );

/** @param what named in the message */
export function invalidCertificate(what: string, state: string, cause?: unknown): GantryError {
  return new GantryError('CERTIFICATE_INVALID', `cannot use ${what}: ${state}`, { cause });
}
