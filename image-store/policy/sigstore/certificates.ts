import type { X509Certificate } from 'node:crypto';
import { X509Certificate as ParsedCertificate } from '@sigstore/core';
import { GantryError } from '#base/errors/gantry-error';
import { invalidCertificate } from '../pem-certificates.ts';
import type { CertifiedIdentity } from '../policy.ts';
import { invalidSignature } from './signature.ts';

/** Who a certificate of a Fulcio is for. */
export interface CertifiedSigner {
  readonly certificate: X509Certificate;
  /** An email address. */
  readonly subject: string | undefined;
  /** Who says that it is theirs: the address of an OpenID provider. */
  readonly issuer: string | undefined;
  /** Whether it and all above it were valid at a moment. */
  readonly isValidAt: (date: Date) => boolean;
}

/** Extended key usage of certificates that sign code: RFC 5280, section 4.2.1.12. */
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
/** Where a Fulcio writes the provider: as it is, and since its version 1.0 as DER; fulcio/docs/oid-info.md. */
const ISSUER_PLAIN = '1.3.6.1.4.1.57264.1.1';
const ISSUER_DER = '1.3.6.1.4.1.57264.1.8';

/**
 * Reads whom a certificate is for, when it leads to one of those that are trusted.
 * @param between those that came with it, which prove nothing by themselves
 * @throws GantryError CERTIFICATE_INVALID, CERTIFICATE_UNTRUSTED
 */
export function certifiedSigner(
  certificate: X509Certificate,
  between: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
): CertifiedSigner {
  const chain = findChain(certificate, { between, trusted });
  if (chain === undefined) {
    throw untrusted('it was not issued by the authority that the policy names');
  }
  if (!(certificate.keyUsage as readonly string[] | undefined)?.includes(CODE_SIGNING)) {
    throw untrusted('it is not one for signing');
  }
  const parsed = parse(certificate);

  return {
    certificate,
    subject: parsed.subjectAltName,
    issuer: issuerOf(parsed),
    isValidAt: (date) => [certificate, ...chain].every((each) => isValidAt(each, date)),
  };
}

/**
 * Demands that a certificate is for whom a policy names, to the letter.
 * @throws GantryError SIGNATURE_INVALID
 */
export function demandIdentity(
  { certificate, subject, issuer }: CertifiedSigner,
  { oidcIssuer, subjectEmail, subjectHostname }: CertifiedIdentity,
): void {
  if (oidcIssuer !== undefined && issuer !== oidcIssuer) {
    throw invalidSignature(`its signer is known to ${issuer ?? 'nobody'}, not to ${oidcIssuer}`);
  }
  const isThere =
    oidcIssuer === undefined
      ? isFor(certificate, { subjectEmail, subjectHostname })
      : subject === subjectEmail;
  if (isThere) return;
  const wanted = [subjectEmail, subjectHostname].filter(Boolean).join(' and ');

  throw invalidSignature(`it is by ${subject ?? 'nobody'}, not by ${wanted}`);
}

const isFor = (
  certificate: X509Certificate,
  { subjectEmail, subjectHostname }: CertifiedIdentity,
): boolean =>
  (subjectEmail === undefined ||
    certificate.checkEmail(subjectEmail, { subject: 'never' }) !== undefined) &&
  (subjectHostname === undefined ||
    certificate.checkHost(subjectHostname, { subject: 'never' }) !== undefined);

function parse(certificate: X509Certificate): ParsedCertificate {
  try {
    return ParsedCertificate.parse(certificate.raw);
  } catch (cause) {
    throw invalidCertificate('the certificate of the signer', 'it cannot be read', cause);
  }
}

interface Authorities {
  readonly between: readonly X509Certificate[];
  readonly trusted: readonly X509Certificate[];
}

/** The way from a certificate to a trusted one, which is the last; undefined when there is none. */
function findChain(
  certificate: X509Certificate,
  { between, trusted }: Authorities,
  depth = 0,
): readonly X509Certificate[] | undefined {
  const root = trusted.find((each) => hasIssued(each, certificate, depth));
  if (root !== undefined) return [root];

  for (const each of between.filter((other) => hasIssued(other, certificate, depth))) {
    const others = between.filter((other) => other !== each);
    const rest = findChain(each, { between: others, trusted }, depth + 1);
    if (rest !== undefined) return [each, ...rest];
  }

  return undefined;
}

/** @param depth how many authorities stand between the issuer and the signer */
function hasIssued(issuer: X509Certificate, certificate: X509Certificate, depth: number): boolean {
  if (!issuer.ca || !certificate.checkIssued(issuer)) return false;
  const most = parse(issuer).extBasicConstraints?.pathLenConstraint;

  return (most === undefined || depth <= Number(most)) && certificate.verify(issuer.publicKey);
}

const isValidAt = ({ validFromDate, validToDate }: X509Certificate, date: Date): boolean =>
  validFromDate <= date && date <= validToDate;

function issuerOf(certificate: ParsedCertificate): string | undefined {
  const der = certificate.extension(ISSUER_DER)?.valueObj.subs[0]?.value;
  const plain = certificate.extension(ISSUER_PLAIN)?.value;

  return (der ?? plain)?.toString('utf8');
}

function untrusted(state: string): GantryError {
  return new GantryError(
    'CERTIFICATE_UNTRUSTED',
    `the certificate of the signer counts for nothing: ${state}`,
  );
}
