/** What must hold of an image before it is accepted, as a policy file says it: containers-policy.json(5). */
export type Requirement = Reject | InsecureAcceptAnything | SignedBy | SigstoreSigned;

export interface Reject {
  readonly type: 'reject';
}

export interface InsecureAcceptAnything {
  readonly type: 'insecureAcceptAnything';
}

/** Where public keys are: in files, or in the policy itself. */
export interface KeySource {
  /** Absolute paths. */
  readonly paths: readonly string[];
  readonly data: readonly Uint8Array[];
}

/** A simple signature by one of some OpenPGP keys. */
export interface SignedBy {
  readonly type: 'signedBy';
  readonly keys: KeySource;
  readonly identity: SignedIdentity;
}

/** A sigstore signature, by one of some keys, or by whoever a certificate names. */
export interface SigstoreSigned {
  readonly type: 'sigstoreSigned';
  /** Undefined when a certificate tells who signs. */
  readonly keys: KeySource | undefined;
  readonly certified: Certified | undefined;
  /** Of transparency logs, one of which must have the signature; none are asked when undefined. */
  readonly rekorKeys: KeySource | undefined;
  readonly identity: SignedIdentity;
}

/** Whose certificates count (`fulcio`, `pki`), and who they must be for. */
export interface Certified extends CertifiedIdentity {
  readonly ca: KeySource;
  /** Of authorities between, which prove nothing by themselves. */
  readonly between?: KeySource | undefined;
}

/** All that is given must be so; there is a subject at least. */
export interface CertifiedIdentity {
  /** Who says that it is the subject: the address of an OpenID provider, of a Fulcio. */
  readonly oidcIssuer?: string | undefined;
  readonly subjectEmail?: string | undefined;
  readonly subjectHostname?: string | undefined;
}

/** Which name of an image a signature must be for. */
export type SignedIdentity =
  | { readonly type: 'matchExact' | 'matchRepoDigestOrExact' | 'matchRepository' }
  | { readonly type: 'exactReference'; readonly dockerReference: string }
  | { readonly type: 'exactRepository'; readonly dockerRepository: string }
  | { readonly type: 'remapIdentity'; readonly prefix: string; readonly signedPrefix: string };

/** All of them must hold; there is at least one. */
export type Requirements = readonly Requirement[];

/** A policy file. */
export interface Policy {
  /** The file, for messages. */
  readonly path: string;
  readonly default: Requirements;
  /** By transport (`docker`, `oci`, …), then by scope; the scope without letters is that of the whole transport. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, Requirements>>;
}

/** Who a policy names, for people. */
export function identityText({ oidcIssuer, ...who }: CertifiedIdentity): string {
  const subject = [who.subjectEmail, who.subjectHostname].filter(Boolean).join(', ');

  return oidcIssuer === undefined ? subject : `${subject} (${oidcIssuer})`;
}
