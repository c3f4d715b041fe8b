import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { decodeJson } from '#base/decode/decode';
import { writeFileAtomic } from '#base/fs/atomic';
import type { Key } from 'openpgp';
import * as v from 'valibot';
import { lifeOf } from './key-judgement.ts';

/** What is remembered of one key; independent of the clock. */
export interface KeyFact {
  readonly fingerprint: string;
  /** ms since 1970; null for never. */
  readonly expires: number | null;
  /** Revoked, or not bound to its certificate. */
  readonly revoked: boolean;
}

/** What is remembered of a key file: the primary key first, then its subkeys. */
export type KeyFacts = readonly KeyFact[];

/** Part of the file name: facts of another version are not found rather than misread. */
const VERSION = 1;

const schema: v.GenericSchema<KeyFacts> = v.array(
  v.object({
    fingerprint: v.string(),
    expires: v.nullable(v.number()),
    revoked: v.boolean(),
  }),
);

/** Works out the facts of a key. */
export async function factsOf(key: Key): Promise<KeyFacts> {
  const facts: KeyFact[] = [];
  for (const part of [key, ...key.subkeys]) {
    const { expires, revoked } = await lifeOf({ key, part });
    facts.push({
      fingerprint: part.getFingerprint(),
      expires: expires === undefined || expires === Infinity ? null : expires,
      revoked: revoked || expires === undefined,
    });
  }

  return facts;
}

/**
 * The facts remembered of a key file's content; undefined when there are none
 * that can be relied on. They are found by the hash of the content, so they can
 * be missing but never out of date; and only what we or root wrote, and nobody
 * else can write, counts.
 */
export function recallFacts(dir: string, content: Uint8Array): KeyFacts | undefined {
  const path = factsPath(dir, content);
  try {
    const stat = lstatSync(path);
    const ours = stat.uid === 0 || stat.uid === geteuid?.();
    if (!stat.isFile() || !ours || (stat.mode & 0o022) !== 0) return undefined;

    return decodeJson(schema, readFileSync(path, 'utf8'), {
      what: path,
      code: 'KEY_FACTS_INVALID',
    });
  } catch {
    return undefined;
  }
}

/** Remembers facts where that is possible. */
export function rememberFacts(dir: string, content: Uint8Array, facts: KeyFacts): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    writeFileAtomic(factsPath(dir, content), `${JSON.stringify(facts)}\n`, { mode: 0o644 });
  } catch {
    // Not everybody who reads keys may write here; the next one who may will.
  }
}

function factsPath(dir: string, content: Uint8Array): string {
  return join(dir, `v${VERSION}-${createHash('sha256').update(content).digest('hex')}.json`);
}
