import {
  type KeyPlacement,
  type KeyScope,
  type ListedKey,
  maskTrustedKey,
  removeTrustedKey,
  type Trust,
  unmaskTrustedKey,
} from '#image-store';
import { openKeys } from '../operations/library.ts';
import { reportAll } from './report-all.ts';
import { formatTable } from './table.ts';
import { usageError } from './usage-error.ts';
import type { Workplace } from './workplace.ts';

/** A change to keys that are there. */
export interface KeyEdit {
  readonly edit: 'remove' | 'mask' | 'unmask';
  readonly scope: KeyScope;
  readonly fingerprints: readonly string[];
}

/** All keys and masks, as a table. */
export async function listKeys(trust: Trust): Promise<string> {
  const rows = (await trust.listStates()).map((key) => [
    key.scope === '' ? '(root)' : key.scope,
    key.fingerprint,
    key.origin,
    stateText(key),
  ]);

  return formatTable([['PREFIX', 'FINGERPRINT', 'FROM', 'STATE'], ...rows]);
}

function stateText({ state, maskedBy, replacedBy }: ListedKey): string {
  if (state === 'masked') return `masked by ${maskedBy}`;

  return state === 'replaced' ? `replaced by ${replacedBy}` : state;
}

/** Removes, masks or unmasks keys. @returns the exit status */
export async function editKeys(workplace: Workplace, wish: KeyEdit): Promise<number> {
  const { edit, scope, fingerprints } = wish;
  if (fingerprints.length === 0) throw usageError(`flag --${edit} needs a fingerprint`);
  const trust = openKeys(workplace.context);
  const { log } = workplace.context;

  return await reportAll(workplace, fingerprints, async (text) => {
    const fingerprint = readFingerprint(text);
    const now = EDITS[edit](trust.roots, { scope, fingerprint });
    const words = await standing(trust, now);
    log.info(`key ${fingerprint}: ${edit} done, and ${words} for ${scopeText(scope)} now`);
  });
}

const EDITS = {
  remove: removeTrustedKey,
  mask: maskTrustedKey,
  unmask: unmaskTrustedKey,
} satisfies Record<KeyEdit['edit'], typeof removeTrustedKey>;

/** What the folders say of a key, in words. */
async function standing(trust: Trust, { key, maskedBy }: KeyPlacement): Promise<string> {
  if (key === undefined) {
    return maskedBy === undefined ? 'nothing makes it trusted' : `"${maskedBy}" masks it`;
  }
  const listed = (await trust.listStates()).find(({ path }) => path === key.path);

  return listed?.state === 'trusted'
    ? `"${key.path}" makes it trusted`
    : `"${key.path}" has it, but it is ${listed?.state},`;
}

/** What keys are trusted for, in words. */
export function scopeText(scope: KeyScope): string {
  return scope === '' ? 'all images' : `prefix "${scope}"`;
}

/** Reads a fingerprint as people copy it: with blanks, in capitals. */
function readFingerprint(text: string): string {
  const fingerprint = text.replaceAll(/[\s:]/g, '').replace(/^0x/i, '').toLowerCase();
  if (/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(fingerprint)) return fingerprint;

  throw usageError(`cannot read fingerprint "${text}": it has 40 or 64 hexadecimal digits`);
}
