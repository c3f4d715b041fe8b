import { createPublicKey, type KeyObject } from 'node:crypto';
import { parseCertificates } from '../../image-store/policy/pem-certificates.ts';
import type { SigstoreTrust } from '../../image-store/policy/sigstore/verify.ts';
import type { CertificateRequest, SigstoreKey } from './sigstore.ts';

/** Whom certificates are for, unless a test makes them for somebody else. */
export const WHO: CertificateRequest = {
  email: 'me@example.com',
  issuer: 'https://id.example.com',
};

export const publicKey = ({ pem }: Pick<SigstoreKey, 'pem'>): KeyObject => createPublicKey(pem);

/** Trust in a key, without a log. */
export const trustKey = (
  key: SigstoreKey,
  changes: Partial<SigstoreTrust> = {},
): SigstoreTrust => ({
  keys: [publicKey(key)],
  certified: undefined,
  rekorKeys: undefined,
  now: Date.now(),
  ...changes,
});

/** Trust in what authorities, as PEM, say of {@link WHO}, when a log has it. */
export const trustAuthorities = (pem: string, log: SigstoreKey): SigstoreTrust => ({
  keys: undefined,
  certified: {
    authorities: parseCertificates(pem, 'the test'),
    between: [],
    oidcIssuer: WHO.issuer,
    subjectEmail: WHO.email,
  },
  rekorKeys: [publicKey(log)],
  now: Date.now(),
});
