import { createInterface } from 'node:readline';
import { isatty } from 'node:tty';
import { GantryError } from '#base/errors/gantry-error';
import { writeAll } from '#base/log/log';
import type { KeyPartReview, KeyQuestion, KeyReview, KeyScope } from '#image-store';
import { printable } from './printable.ts';
import { formatTime } from './units.ts';
import type { Workplace } from './workplace.ts';

/** What of a key file somebody is asked about: keys that can be trusted. */
export interface ReviewedKeys extends KeyTarget {
  /** Where it comes from: a path or URL. */
  readonly source: string;
  readonly keys: readonly ShownKey[];
}

/** What keys are to be trusted for. */
export interface KeyTarget {
  /** In words: `images of any name`. */
  readonly meaning: string;
  /** The flag of `gantry trust` that says so. */
  readonly flag: string;
}

/** Of a key that is no OpenPGP key nothing but its fingerprint is known. */
type ShownKey = KeyReview | Pick<KeyReview, 'fingerprint'>;

/** Trust for appc images whose name begins so. */
export function keyTarget(scope: KeyScope): KeyTarget {
  return scope === ''
    ? { meaning: 'images of any name', flag: '--root' }
    : { meaning: `images whose name begins with "${scope}"`, flag: `--prefix=${scope}` };
}

/**
 * Asks whether keys that were found at an image's own site are to be trusted.
 * @throws GantryError KEY_REVIEW_NEEDED when nobody is there to answer
 */
export async function askForKeys(
  workplace: Workplace,
  { prefix, url, keys }: KeyQuestion,
): Promise<boolean> {
  return await askToTrust(workplace, { ...keyTarget(prefix), source: url, keys });
}

/**
 * Shows keys and asks whether they are to be trusted.
 * @throws GantryError KEY_REVIEW_NEEDED when nobody is there to answer
 */
async function askToTrust({ talk }: Workplace, reviewed: ReviewedKeys): Promise<boolean> {
  talk.quiet();
  if (!isatty(0)) throw reviewNeeded(reviewed);

  writeAll(2, formatReview(reviewed));
  return await askYesNo('Are you sure you want to trust this? (yes/no) ');
}

/**
 * As {@link askToTrust}, of keys that somebody asked to trust.
 * @throws GantryError KEY_REVIEW_NEEDED, KEY_NOT_ACCEPTED
 */
export async function demandTrust(workplace: Workplace, reviewed: ReviewedKeys): Promise<void> {
  if (await askToTrust(workplace, reviewed)) return;

  throw new GantryError(
    'KEY_NOT_ACCEPTED',
    `cannot trust keys from "${reviewed.source}": you said no`,
  );
}

/** What one looks at before trusting keys. */
export function formatReview({ meaning, source, keys }: ReviewedKeys): string {
  const lines = [`Keys for ${meaning}`, `from ${printable(source)}:`];
  for (const key of keys) {
    lines.push(`  ${grouped(key.fingerprint)}`);
    if (!('userIds' in key)) continue;
    lines.push(`    ${lifeText(key)}`);
    lines.push(...key.userIds.map((id) => `    ${printable(id)}`));
    for (const subkey of key.subkeys) {
      lines.push(`    subkey ${grouped(subkey.fingerprint)}`, `      ${lifeText(subkey)}`);
    }
  }

  return `${lines.join('\n')}\n`;
}

/** A fingerprint in groups of four digits, as gpg shows it, so that eyes can compare it. */
function grouped(fingerprint: string): string {
  return (fingerprint.toUpperCase().match(/.{1,4}/g) ?? []).join(' ');
}

function lifeText({ type, created, expires, revoked }: KeyPartReview): string {
  const end = expires === undefined ? 'never expires' : `expires ${formatTime(expires)}`;

  return `${type}, created ${formatTime(created)}, ${end}${revoked ? ', REVOKED' : ''}`;
}

/** Lines are read as they come, so that none is lost between two questions; the end of input is a no. */
async function askYesNo(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, terminal: false });
  try {
    writeAll(2, question);
    for await (const line of lines) {
      const answer = line.trim().toLowerCase();
      if (answer === 'yes' || answer === 'y') return true;
      if (answer === 'no' || answer === 'n') return false;
      writeAll(2, `Please answer yes or no. ${question}`);
    }
  } finally {
    lines.close();
  }

  return false;
}

function reviewNeeded({ flag, source, keys }: ReviewedKeys): GantryError {
  const prints = keys.map(({ fingerprint }) => fingerprint).join(', ');

  return new GantryError(
    'KEY_REVIEW_NEEDED',
    `cannot trust key ${prints} from "${source}": its fingerprint must be reviewed and nobody is at the terminal`,
    {
      hint: `compare the fingerprint, then run gantry trust --skip-fingerprint-review ${flag} with it`,
    },
  );
}
