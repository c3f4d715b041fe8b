import { GantryError } from '#base/errors/gantry-error';
import type { Log } from '#base/log/log';
import {
  certificateFingerprints,
  type KeySource,
  leftOutText,
  nothingLeft,
  offerKeys,
  publicKeyFingerprint,
  type SignedRule,
} from '#image-store';
import { keyFiles } from './key-files.ts';
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
export const flagsOf = (signers: SignerWish): readonly string[] =>
  flagValues(signers).map(([flag]) => flag);

/** As typed. */
const flagsText = (signers: SignerWish): string =>
  flagValues(signers)
    .map(([flag, value]) => ` --${flag}=${value}`)
    .join('');

type FlagValue = readonly [flag: string, value: string];

function flagValues(signers: SignerWish): readonly FlagValue[] {
  const { fulcioCa, oidcIssuer, subjectEmail, rekorKeys } = signers;
  const given: readonly (readonly [string, string | undefined])[] = [
    ['fulcio-ca', fulcioCa],
    ['oidc-issuer', oidcIssuer],
    ['subject-email', subjectEmail],
    ...rekorKeys.map((key) => ['rekor-key', key] as const),
  ];

  return given.filter((pair): pair is FlagValue => pair[1] !== undefined);
}

/**
 * Reads the keys and certificates of those who must sign, and asks about each.
 * @throws GantryError KEY_REVIEW_NEEDED, KEY_NOT_ACCEPTED, KEY_FILE_INVALID, CERTIFICATE_INVALID, and what `keyFiles` throws
 */
export async function signedRule(
  workplace: Workplace,
  signers: SignerWish,
  target: KeyTarget,
): Promise<SignedRule> {
  const certified = readCertified(signers);
  const review: Review = async (file, keys) => {
    if (signers.skipReview) return;
    const flag = `${target.flag}${flagsText(signers)}`;
    await demandTrust(workplace, { ...target, flag, source: file.source, keys });
  };
  const read = (places: readonly string[]): AsyncGenerator<KeySource> =>
    publicOnes(keyFiles(workplace, { places, allowHttp: signers.allowHttp }));
  if (certified !== undefined) {
    const { fulcioCa, oidcIssuer, subjectEmail } = certified;
    const ca = await reviewed(read([fulcioCa]), review, certificateFingerprints);
    const rekorKeys = await reviewed(read(signers.rekorKeys), review, keyFingerprints);
    return { type: 'fulcioSigned', ca: Buffer.concat(ca), oidcIssuer, subjectEmail, rekorKeys };
  }

  const rule = await keyRule(read(signers.keys), review, workplace.context.log);
  if (rule.type === 'sigstoreSigned') {
    return { ...rule, rekorKeys: await reviewed(read(signers.rekorKeys), review, keyFingerprints) };
  }
  if (signers.rekorKeys.length === 0) return rule;

  throw usageError('flag --rekor-key has no meaning for OpenPGP keys');
}

type Review = (file: KeySource, keys: ReviewedKeys['keys']) => Promise<void>;

/** Signers whom an authority certifies. */
interface CertifiedWish {
  readonly fulcioCa: string;
  readonly oidcIssuer: string;
  readonly subjectEmail: string;
}

/** @returns undefined when keys say who must sign */
function readCertified(signers: SignerWish): CertifiedWish | undefined {
  const { keys, fulcioCa, oidcIssuer, subjectEmail, rekorKeys } = signers;
  if (fulcioCa === undefined && oidcIssuer === undefined && subjectEmail === undefined) {
    if (keys.length > 0) return undefined;
    throw usageError('flag --registry needs a key, or --fulcio-ca, --accept, --reject or --remove');
  }
  if (keys.length > 0) throw usageError('keys and --fulcio-ca exclude each other');
  if (oidcIssuer === '' || subjectEmail === '') {
    throw usageError('flags --oidc-issuer and --subject-email must not be empty');
  }
  if (
    fulcioCa !== undefined &&
    oidcIssuer !== undefined &&
    subjectEmail !== undefined &&
    rekorKeys.length > 0
  ) {
    return { fulcioCa, oidcIssuer, subjectEmail };
  }
  const given = flagsOf(signers);
  const missing = ['fulcio-ca', 'oidc-issuer', 'subject-email', 'rekor-key']
    .filter((flag) => !given.includes(flag))
    .map((flag) => `--${flag}`);

  throw usageError(
    `flag --${given[0] ?? ''} needs ${missing.join(', ')} too`,
    'who signs is told by a certificate, and that it was valid then by a log',
  );
}

const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;

/** What is trusted is written down for everybody to read. */
async function* publicOnes(files: AsyncIterable<KeySource>): AsyncGenerator<KeySource> {
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
async function keyRule(
  files: AsyncIterable<KeySource>,
  review: Review,
  log: Log,
): Promise<SignedRule> {
  const found = { signedBy: [] as Uint8Array[], sigstoreSigned: [] as Uint8Array[] };
  for await (const file of files) {
    const { source, data } = file;
    if (PEM_KEY.test(Buffer.from(data).toString('latin1'))) {
      await review(file, [{ fingerprint: publicKeyFingerprint(data, `"${source}"`) }]);
      found.sigstoreSigned.push(data);
      continue;
    }
    const { offers, leftOut } = await offerKeys([file]);
    if (offers.length === 0) throw nothingLeft(leftOut);
    for (const left of leftOut) log.warning(leftOutText(left));
    for (const { keys } of offers) {
      await review(file, keys);
      found.signedBy.push(...keys.map(({ armored }) => Buffer.from(`${armored.trim()}\n`)));
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

const keyFingerprints: typeof certificateFingerprints = (data, what) => [
  publicKeyFingerprint(data, what),
];

/** What is in files, each of which has been asked about. */
async function reviewed(
  files: AsyncIterable<KeySource>,
  review: Review,
  fingerprintsOf: typeof certificateFingerprints,
): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = [];
  for await (const file of files) {
    const fingerprints = fingerprintsOf(file.data, `"${file.source}"`);
    await review(
      file,
      fingerprints.map((fingerprint) => ({ fingerprint })),
    );
    found.push(file.data);
  }

  return found;
}
