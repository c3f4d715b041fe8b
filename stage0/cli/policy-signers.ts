import { GantryError } from '#base/errors/gantry-error';
import {
  certificateFingerprints,
  publicKeyFingerprint,
  readPublicKeys,
  type SignedRule,
} from '#image-store';
import { type KeyFile, keyFiles } from './key-files.ts';
import { demandTrust, type KeyTarget, type ReviewedKeys } from './key-review.ts';
import { usageError } from './usage-error.ts';
import type { Workplace } from './workplace.ts';

/** Who must sign the images in a place. */
export interface SignerWish {
  /** Files and URLs of keys. */
  readonly keys: readonly string[];
  /** Of keys of transparency logs. */
  readonly rekorKeys: readonly string[];
  /** Of the certificates of an authority, instead of keys; then all of these. */
  readonly fulcioCa: string | undefined;
  readonly oidcIssuer: string | undefined;
  readonly subjectEmail: string | undefined;
  readonly skipReview: boolean;
  readonly allowHttp: boolean;
}

/** Refuses what says who must sign beside what says that nobody needs to. @throws usage error */
export function refuseSigners(edit: string, signers: SignerWish): void {
  if (signers.keys.length > 0) throw usageError(`flag --${edit} takes no keys`);
  const flag = flagsOf(signers)[0];
  if (flag !== undefined) throw usageError(`flags --${edit} and --${flag} exclude each other`);
}

/** Flags that have a meaning only where a registry's images must be signed. */
export function flagsOf(signers: SignerWish): readonly string[] {
  const { fulcioCa, oidcIssuer, subjectEmail, rekorKeys } = signers;
  const given = {
    'fulcio-ca': fulcioCa,
    'oidc-issuer': oidcIssuer,
    'subject-email': subjectEmail,
    'rekor-key': rekorKeys[0],
  };

  return Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .map(([flag]) => flag);
}

/** As typed. */
const flagsText = ({ fulcioCa, oidcIssuer, subjectEmail, rekorKeys }: SignerWish): string =>
  [
    ...(fulcioCa === undefined ? [] : [` --fulcio-ca=${fulcioCa}`]),
    ...(oidcIssuer === undefined ? [] : [` --oidc-issuer=${oidcIssuer}`]),
    ...(subjectEmail === undefined ? [] : [` --subject-email=${subjectEmail}`]),
    ...rekorKeys.map((path) => ` --rekor-key=${path}`),
  ].join('');

/**
 * Reads the keys and certificates of those who must sign, and asks about each.
 * @throws GantryError KEY_REVIEW_NEEDED, KEY_NOT_ACCEPTED, KEY_FILE_INVALID, CERTIFICATE_INVALID, and what `keyFiles` throws
 */
export async function signedRule(
  workplace: Workplace,
  signers: SignerWish,
  target: KeyTarget,
): Promise<SignedRule> {
  demandComplete(signers);
  const review: Review = async (file, keys) => {
    if (signers.skipReview) return;
    const flag = `${target.flag}${flagsText(signers)}`;
    await demandTrust(workplace, { ...target, flag, source: file.source, keys });
  };
  const read = (places: readonly string[]): AsyncGenerator<KeyFile> =>
    publicOnes(keyFiles(workplace, { scope: '', places, allowHttp: signers.allowHttp }));
  const { fulcioCa, oidcIssuer, subjectEmail } = signers;
  if (fulcioCa === undefined || oidcIssuer === undefined || subjectEmail === undefined) {
    const rule = await keyRule(read(signers.keys), review);
    if (rule.type !== 'sigstoreSigned') {
      if (signers.rekorKeys.length === 0) return rule;
      throw usageError('flag --rekor-key has no meaning for OpenPGP keys');
    }
    return { ...rule, rekorKeys: await logKeys(read(signers.rekorKeys), review) };
  }

  const authorities: Uint8Array[] = [];
  for await (const file of read([fulcioCa])) {
    const fingerprints = certificateFingerprints(file.data, `"${file.source}"`);
    await review(
      file,
      fingerprints.map((fingerprint) => ({ fingerprint })),
    );
    authorities.push(file.data);
  }
  const rekorKeys = await logKeys(read(signers.rekorKeys), review);

  return {
    type: 'fulcioSigned',
    ca: Buffer.concat(authorities),
    oidcIssuer,
    subjectEmail,
    rekorKeys,
  };
}

type Review = (file: KeyFile, keys: ReviewedKeys['keys']) => Promise<void>;

function demandComplete(signers: SignerWish): void {
  const { keys, fulcioCa, oidcIssuer, subjectEmail, rekorKeys } = signers;
  const isCertified = (fulcioCa ?? oidcIssuer ?? subjectEmail) !== undefined;
  if (!isCertified) {
    if (keys.length > 0) return;
    throw usageError('flag --registry needs a key, or --fulcio-ca, --accept, --reject or --remove');
  }
  if (keys.length > 0) throw usageError('keys and --fulcio-ca exclude each other');
  const wanted = ['fulcio-ca', 'oidc-issuer', 'subject-email', 'rekor-key'] as const;
  const given = flagsOf({ ...signers, rekorKeys });
  if (oidcIssuer === '' || subjectEmail === '') {
    throw usageError('flags --oidc-issuer and --subject-email must not be empty');
  }
  const missing = wanted.filter((flag) => !given.includes(flag)).map((flag) => `--${flag}`);
  if (missing.length === 0) return;

  throw usageError(
    `flag --${given[0] ?? ''} needs ${missing.join(', ')} too`,
    'who signs is told by a certificate, and that it was valid then by a log',
  );
}

const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;

/** What is trusted is written down for everybody to read. */
async function* publicOnes(files: AsyncIterable<KeyFile>): AsyncGenerator<KeyFile> {
  for await (const file of files) {
    if (PRIVATE_KEY.test(Buffer.from(file.data).toString('latin1'))) {
      throw new GantryError(
        'KEY_FILE_INVALID',
        `cannot trust the key in "${file.source}": there is a private key in it`,
        { hint: 'give the public one: "openssl pkey -pubout" or "cosign public-key" writes it' },
      );
    }
    yield file;
  }
}

const PEM_KEY = /-----BEGIN (?:[A-Z]+ )?PUBLIC KEY-----/;

/** All keys are of one kind: a rule takes a signature by any of them. */
async function keyRule(files: AsyncIterable<KeyFile>, review: Review): Promise<SignedRule> {
  const found = { signedBy: [] as Uint8Array[], sigstoreSigned: [] as Uint8Array[] };
  for await (const file of files) {
    const { source, data } = file;
    if (PEM_KEY.test(Buffer.from(data).toString('latin1'))) {
      await review(file, [{ fingerprint: publicKeyFingerprint(data, `"${source}"`) }]);
      found.sigstoreSigned.push(data);
      continue;
    }
    const keys = await readPublicKeys(data, { source });
    await review(file, keys);
    for (const { problem, armored } of keys) {
      if (problem !== undefined) throw problem;
      found.signedBy.push(Buffer.from(`${armored.trim()}\n`));
    }
  }
  if (found.sigstoreSigned.length === 0) return { type: 'signedBy', keys: found.signedBy };
  if (found.signedBy.length === 0) {
    return { type: 'sigstoreSigned', keys: found.sigstoreSigned, rekorKeys: [] };
  }

  throw usageError(
    'OpenPGP keys and keys of sigstore cannot be named together',
    'a policy that wants a signature of each is written by hand: containers-policy.json(5)',
  );
}

async function logKeys(
  files: AsyncIterable<KeyFile>,
  review: Review,
): Promise<readonly Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for await (const file of files) {
    await review(file, [{ fingerprint: publicKeyFingerprint(file.data, `"${file.source}"`) }]);
    keys.push(file.data);
  }

  return keys;
}
