import { type KeyFacts, factsOf, recallFacts, rememberFacts } from './key-facts.ts';
import { loadTrustedKey, readKeyFile } from './key-file.ts';
import { placeOf } from './keyring.ts';
import type {
  KeyStanding,
  StandingQuestion,
  Trust,
  TrustedKey,
  TrustRoots,
} from './trust-types.ts';

export interface StandingOptions {
  /** The present, ms since 1970; the system's clock unless told. */
  readonly now?: (() => number) | undefined;
}

/** Makes the two looks at a key once trusted: the fast one and the thorough one. */
export function createStandings(
  roots: TrustRoots,
  { now = Date.now }: StandingOptions,
): Pick<Trust, 'isTrusted' | 'examine'> {
  const isTrusted: Trust['isTrusted'] = (question) => {
    const { key, maskedBy } = placeOf(roots, question.name, question.fingerprint);
    if (key === undefined) return maskedBy === undefined ? 'absent' : 'masked';
    const facts =
      roots.factsDir === undefined
        ? undefined
        : recallFacts(roots.factsDir, question.fingerprint, readKeyFile(key.path));

    return facts === undefined ? 'unread' : standingBy(facts, question, now());
  };

  return {
    isTrusted,
    async examine(question) {
      const standing = isTrusted(question);
      if (standing !== 'unread') return standing;

      const { key } = placeOf(roots, question.name, question.fingerprint);
      if (key === undefined) return 'absent';
      return standingBy(await readFacts(roots, key), question, now());
    },
  };
}

/** Reads a key and remembers what it says. */
async function readFacts(roots: TrustRoots, trusted: TrustedKey): Promise<KeyFacts> {
  const content = readKeyFile(trusted.path);
  const facts = await factsOf(await loadTrustedKey(trusted, content));
  if (roots.factsDir !== undefined) rememberFacts(roots.factsDir, content, facts);

  return facts;
}

function standingBy(
  facts: KeyFacts,
  { fingerprint, signedBy = fingerprint }: StandingQuestion,
  now: number,
): Exclude<KeyStanding, 'unread'> {
  const parts = [...new Set([fingerprint, signedBy])];
  const told = parts.map((part) => facts.find((fact) => fact.fingerprint === part));

  // A subkey that was there and is no longer, or a file that holds another key.
  if (told.some((fact) => fact === undefined)) return 'absent';
  if (told.some((fact) => fact?.revoked)) return 'revoked';
  return told.some((fact) => (fact?.expires ?? Infinity) <= now) ? 'expired' : 'trusted';
}
