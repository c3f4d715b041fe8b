import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { decodeJson } from '#base/decode/decode';
import { writeFileAtomic } from '#base/fs/atomic';
import { below } from '#base/fs/below';
import { makeDirs } from '#base/fs/make-dirs';
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
const VERSION = 2;

interface FactsFile {
  /** The key file that the facts were read from, base64, so that a file put in its place is not believed. */
  readonly content: string;
  readonly keys: KeyFacts;
}

const schema: v.GenericSchema<FactsFile> = v.object({
  content: v.string(),
  keys: v.array(
    v.object({ fingerprint: v.string(), expires: v.nullable(v.number()), revoked: v.boolean() }),
  ),
});

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
 * The facts remembered of a key file; undefined when there are none that can be
 * relied on. They hold for the content that lies beside them, so they can be
 * missing but never out of date; and only what we or root wrote, and nobody
 * else can write, counts. Compared, not hashed: `run` would pay for that.
 */
export function recallFacts(
  dir: string,
  fingerprint: string,
  content: Uint8Array,
): KeyFacts | undefined {
  try {
    const text = readOwn(factsPath(dir, fingerprint));
    const facts = decodeJson(schema, text, { what: 'key facts', code: 'KEY_FACTS_INVALID' });
    return facts.content === encode(content) ? facts.keys : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers facts where that is possible. */
export function rememberFacts(dir: string, content: Uint8Array, keys: KeyFacts): void {
  const [primary] = keys;
  if (primary === undefined) return;

  const facts: FactsFile = { content: encode(content), keys };
  try {
    makeDirs(dir, 0o755);
    writeFileAtomic(factsPath(dir, primary.fingerprint), `${JSON.stringify(facts)}\n`, {
      mode: 0o644,
    });
  } catch {
    // Not everybody who reads keys may write here; the next one who may will.
  }
}

/** The text of a file that we or root wrote and nobody else may write. */
function readOwn(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { uid, mode } = fstatSync(fd);
    const ours = uid === 0 || uid === process.geteuid?.();
    if (!ours || (mode & 0o022) !== 0) throw new Error('anybody may have written this');

    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function encode(content: Uint8Array): string {
  return Buffer.from(content).toString('base64');
}

function factsPath(dir: string, fingerprint: string): string {
  return below(dir, `v${VERSION}-${fingerprint}.json`);
}
