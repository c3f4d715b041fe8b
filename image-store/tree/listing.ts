import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from '#base/kernel/kernel';
import { collectBytes } from './collect-bytes.ts';
import { STATX_SIZE, WATCHED_WORDS } from './entry-stat.ts';

/** Version of the listing's format. */
const LISTING_VERSION = 1;
const STRIDE = WATCHED_WORDS.length;
/** Where the mode is, in struct statx and among the watched words. */
const MODE_WORD = 7;
const MODE_PLACE: number = WATCHED_WORDS.indexOf(MODE_WORD);

/**
 * How every entry of a tree looked when it was rendered. On disk: one line of
 * JSON, the watched words of each entry, 32 bits in the machine's order, and
 * the paths, each ended by NUL, the root first as the empty one.
 */
export interface Listing {
  readonly paths: readonly string[];
  /** `STRIDE` words for each path. */
  readonly words: Uint32Array;
}

/** Collects a listing entry by entry. */
export interface ListingBuilder {
  /** @param record `struct statx` of the entry */
  add(path: string, record: Buffer): void;
  /** The listing, in pieces. */
  encode(): readonly Buffer[];
}

/** Begins a listing. Nothing of an entry stays on the heap, since a tree may have a million. */
export function createListingBuilder(): ListingBuilder {
  const words = collectBytes();
  const paths = collectBytes();
  let entries = 0;

  return {
    add(path, record) {
      entries += 1;
      words.add(STRIDE * 4, (into, at) => {
        for (const word of WATCHED_WORDS) at += record.copy(into, at, word * 4, word * 4 + 4);
      });
      const text = `${path}\0`;
      paths.add(Buffer.byteLength(text), (into, at) => void into.write(text, at));
    },
    encode() {
      const head = { version: LISTING_VERSION, entries, words: STRIDE };
      return [Buffer.from(`${JSON.stringify(head)}\n`), ...words.pieces(), ...paths.pieces()];
    },
  };
}

/**
 * Reads a listing.
 * @returns undefined when there is none or it is damaged or of another version: then nothing is known about the tree
 */
export function readListing(path: string): Listing | undefined {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch {
    return undefined;
  }
  const count = entryCount(file.subarray(0, file.indexOf(0x0a)).toString());
  const start = file.indexOf(0x0a) + 1;
  const end = start + (count ?? 0) * STRIDE * 4;
  if (count === undefined || end > file.length) return undefined;

  const paths = file.toString('utf8', end).split('\0');
  if (paths.pop() !== '' || paths.length !== count) return undefined;

  const words = new Uint32Array(count * STRIDE);
  Buffer.from(words.buffer).set(file.subarray(start, end));
  return { paths, words };
}

function entryCount(head: string): number | undefined {
  try {
    const parsed = JSON.parse(head) as { version?: unknown; entries?: unknown; words?: unknown };
    if (parsed.version !== LISTING_VERSION || parsed.words !== STRIDE) return undefined;
    return Number.isSafeInteger(parsed.entries) ? Number(parsed.entries) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Looks at every entry of a tree and compares it with its listing. An entry
 * that was added shows by the change of its directory.
 * @returns what differs, naming an entry: `"etc/passwd" was changed`; undefined when nothing does
 */
export function findDifference(kernel: Kernel, root: string, listing: Listing): string | undefined {
  const dir = openSync(root, 'r');
  try {
    return compare(listing, { kernel, root, dir });
  } finally {
    closeSync(dir);
  }
}

interface Place {
  readonly kernel: Kernel;
  readonly root: string;
  readonly dir: number;
}

function compare({ paths, words }: Listing, { kernel, root, dir }: Place): string | undefined {
  const record = Buffer.alloc(STATX_SIZE);
  const seen = new Uint32Array(record.buffer, record.byteOffset, STATX_SIZE / 4);
  // A directory changes with what lies in it, so another entry says more; it is looked for first.
  let directory: string | undefined;

  for (let entry = 0, at = 0; entry < paths.length; entry++, at += STRIDE) {
    const path = paths[entry] as string;
    if (!kernel.statEntry(dir, path === '' ? '.' : path, record)) return `"${path}" was removed`;
    if (sameWords(seen, words, at)) continue;
    if (!isDirectory(seen[MODE_WORD]) || !isDirectory(words[at + MODE_PLACE]))
      return `"${path}" was changed`;

    const added = addedName(join(root, path), path, paths);
    if (added !== undefined) return `"${added}" was added`;
    directory ??= path;
  }

  return directory === undefined ? undefined : `the directory "/${directory}" was changed`;
}

function sameWords(seen: Uint32Array, words: Uint32Array, at: number): boolean {
  for (let i = 0; i < STRIDE; i++) {
    if (seen[WATCHED_WORDS[i] as number] !== words[at + i]) return false;
  }
  return true;
}

function isDirectory(mode: number | undefined): boolean {
  return ((mode ?? 0) & 0o170000) === 0o040000;
}

function addedName(dir: string, path: string, paths: readonly string[]): string | undefined {
  const known = new Set(paths);
  return readdirSync(dir)
    .map((name) => (path === '' ? name : `${path}/${name}`))
    .find((candidate) => !known.has(candidate));
}
