import type { KeyObject, X509Certificate } from 'node:crypto';
import { errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import type { OciDigest } from '#schema/oci/digest';
import { type LocalReference, type RegistryReference } from '../reference/index.ts';
import { parseCertificates } from './pem-certificates.ts';
import type { SignedClaim } from './payload.ts';
import type { KeySource, Policy, SignedBy, SigstoreSigned } from './policy.ts';
import { matchPolicy, type PolicyMatch } from './policy-scope.ts';
import { matchesIdentity } from './signed-identity.ts';
import { readKeySource } from './key-source.ts';
import { parsePublicKey } from './public-key.ts';
import type { SigstoreSignature } from './sigstore/signature.ts';
import type { SigstoreTrust } from './sigstore/verify.ts';

/** Where the signatures of a manifest are got from; each is asked only when the policy wants it. */
export interface SignatureSource {
  simple(manifest: OciDigest): Promise<readonly Uint8Array[]>;
  sigstore(manifest: OciDigest): Promise<readonly SigstoreSignature[]>;
}

export interface PolicyQuestion {
  readonly image: RegistryReference | LocalReference;
  /** Of the image's manifest, and of the index that it was found in: either may be signed. */
  readonly manifests: readonly OciDigest[];
  readonly signatures: SignatureSource;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Why an image was accepted. */
export interface PolicyAcceptance {
  /** Which of the policy's scopes it is in. */
  readonly scope: string;
  /** The signatures that were demanded; none when the policy demands none. */
  readonly signatures: readonly AcceptedSignature[];
}

export interface AcceptedSignature {
  readonly type: 'signedBy' | 'sigstoreSigned';
  /** Fingerprint of the key, or who signed and who says so. */
  readonly signer: string;
  /** The name of the image in the signature; undefined when that has none. */
  readonly reference?: string | undefined;
  readonly manifest: OciDigest;
}

/**
 * Refuses an image that no signature helps; gives what is demanded of any other.
 * @throws GantryError IMAGE_REJECTED
 */
export function refuseRejected(policy: Policy, image: PolicyQuestion['image']): PolicyMatch {
  const match = matchPolicy(policy, image);
  if (match.requirements.some(({ type }) => type === 'reject')) {
    throw rejected(policy, image, `${scopeText(match.scope)} is rejected`);
  }

  return match;
}

/**
 * Demands of an image what a policy demands of it: all that is said of the
 * narrowest scope that it is in.
 * @throws GantryError IMAGE_REJECTED, POLICY_INVALID, and what getting signatures throws
 */
export async function demandAccepted(
  policy: Policy,
  question: PolicyQuestion,
): Promise<PolicyAcceptance> {
  const { image } = question;
  const { scope, requirements } = refuseRejected(policy, image);
  const signatures: AcceptedSignature[] = [];
  for (const requirement of requirements) {
    if (requirement.type !== 'signedBy' && requirement.type !== 'sigstoreSigned') continue;
    const found = await findSignature(policy, requirement, question);
    if (typeof found === 'object') signatures.push(found);
    else throw rejected(policy, image, `${found}; ${scopeText(scope)} has to be signed`);
  }

  return { scope, signatures };
}

const scopeText = (scope: string): string =>
  scope === 'default' ? 'what the policy does not name' : `"${scope}"`;

function rejected(policy: Policy, image: PolicyQuestion['image'], state: string): GantryError {
  return new GantryError('IMAGE_REJECTED', `cannot accept image "${image.text}": ${state}`, {
    hint: `"gantry trust --registry=…" changes the policy in "${policy.path}"; --insecure-options=image does without it this time`,
  });
}

type Checked = SignedClaim & { readonly signer: string };
type Check = (manifest: OciDigest) => Promise<readonly (() => Promise<Checked>)[]>;

/** The first signature that fulfils a requirement; a text says why there is none. */
async function findSignature(
  policy: Policy,
  requirement: SignedBy | SigstoreSigned,
  question: PolicyQuestion,
): Promise<AcceptedSignature | string> {
  const check =
    requirement.type === 'signedBy'
      ? await checkSimple(policy, requirement, question)
      : await checkSigstore(policy, requirement, question);
  const reasons: string[] = [];
  for (const manifest of question.manifests) {
    for (const verify of await check(manifest)) {
      const reason = await verify().then(
        (claim) => reasonAgainst(claim, manifest, { requirement, question }) ?? claim,
        (error: unknown) => {
          if (!isGantryError(error)) throw error;
          return error.message;
        },
      );
      if (typeof reason === 'string') {
        reasons.push(reason);
        continue;
      }
      const { signer, reference } = reason;
      return { type: requirement.type, signer, reference, manifest };
    }
  }
  const kind = requirement.type === 'signedBy' ? 'simple' : 'sigstore';

  return reasons.length === 0 ? `it has no ${kind} signature` : reasonsText(reasons);
}

/** Reasons that are told; somebody hostile can add any number. */
const MOST_REASONS = 3;

function reasonsText(reasons: readonly string[]): string {
  const different = [...new Set(reasons)];
  const others = different.length - MOST_REASONS;

  return [
    ...different.slice(0, MOST_REASONS),
    ...(others > 0 ? [`${others} more are not good`] : []),
  ].join('; ');
}

function reasonAgainst(
  { digest, reference }: Checked,
  manifest: OciDigest,
  {
    requirement,
    question,
  }: { readonly requirement: SignedBy | SigstoreSigned; readonly question: PolicyQuestion },
): string | undefined {
  if (digest !== manifest) return `its signature is for another image, ${digest}`;
  if (matchesIdentity(requirement.identity, question.image, reference)) return undefined;

  return reference === undefined
    ? 'its signature is for no name, and the policy wants one'
    : `its signature is for the name ${JSON.stringify(reference)}`;
}

async function checkSimple(
  policy: Policy,
  { keys }: SignedBy,
  { signatures, now }: PolicyQuestion,
): Promise<Check> {
  const { loadOpenPgpKeys, verifySimpleSignature } = await import('./simple-signing.ts');
  const loaded = await attempt(policy, async () => await loadOpenPgpKeys(keys));

  return async (manifest) =>
    (await signatures.simple(manifest)).map((signature) => async () => {
      const { fingerprint, ...claim } = await verifySimpleSignature(signature, loaded, now);
      return { ...claim, signer: fingerprint };
    });
}

async function checkSigstore(
  policy: Policy,
  requirement: SigstoreSigned,
  { signatures, now }: PolicyQuestion,
): Promise<Check> {
  const { verifySigstoreSignature } = await import('./sigstore/verify.ts');
  const trust = await attempt(policy, () => trustOf(requirement, now));

  return async (manifest) =>
    (await signatures.sigstore(manifest)).map(
      (signature) => async () => await Promise.resolve(verifySigstoreSignature(signature, trust)),
    );
}

function trustOf({ keys, rekorKeys, certified }: SigstoreSigned, now: number): SigstoreTrust {
  return {
    keys: keys && keysOf(keys),
    rekorKeys: rekorKeys && keysOf(rekorKeys),
    certified: certified && {
      ...certified,
      authorities: certificatesOf(certified.ca),
      between: certified.between === undefined ? [] : certificatesOf(certified.between),
    },
    now,
  };
}

const keysOf = (source: KeySource): readonly KeyObject[] =>
  readKeySource(source).map(({ bytes, place }) => parsePublicKey(bytes, place));

const certificatesOf = (source: KeySource): readonly X509Certificate[] =>
  readKeySource(source).flatMap(({ bytes, place }) =>
    parseCertificates(Buffer.from(bytes).toString('utf8'), place),
  );

/** What a policy names and cannot be used makes it one that cannot be. */
async function attempt<Value>(policy: Policy, read: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await read();
  } catch (cause) {
    const state = isGantryError(cause) ? cause.message : fileState(cause);
    throw new GantryError(
      'POLICY_INVALID',
      `cannot use the policy in "${policy.path}": ${state || errorMessage(cause)}`,
      { cause },
    );
  }
}
