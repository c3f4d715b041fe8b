import type { InsecureOptions } from '../operations/requests.ts';
import { usageError } from './usage-error.ts';

type Word = keyof InsecureOptions;

const FETCH: readonly Word[] = ['image', 'tls', 'http', 'pubkey'];
const RUN: readonly Word[] = ['capabilities', 'paths', 'seccomp'];
const MEANINGS: Readonly<Record<string, readonly Word[]>> = {
  none: [],
  image: ['image'],
  tls: ['tls'],
  // rkt had it for trees that it did not check again; here they always are.
  ondisk: [],
  http: ['http'],
  pubkey: ['pubkey'],
  capabilities: ['capabilities'],
  paths: ['paths'],
  seccomp: ['seccomp'],
  'all-fetch': FETCH,
  'all-run': RUN,
  all: [...FETCH, ...RUN],
};

/** The words of `--insecure-options`, for help texts. */
export const INSECURE_WORDS: readonly string[] = Object.keys(MEANINGS);

/**
 * Reads the comma lists of every `--insecure-options` given; they add up.
 * @throws GantryError BAD_USAGE for a word that is not one of rkt's
 */
export function parseInsecureOptions(lists: readonly string[]): InsecureOptions {
  const off = new Set<Word>();
  for (const word of lists.flatMap((list) => list.split(','))) {
    const meaning = Object.hasOwn(MEANINGS, word) ? MEANINGS[word] : undefined;
    if (meaning === undefined) {
      throw usageError(
        `cannot read --insecure-options: unknown word "${word}"`,
        `the words are ${INSECURE_WORDS.join(', ')}`,
      );
    }
    for (const one of meaning) off.add(one);
  }

  return {
    image: off.has('image'),
    tls: off.has('tls'),
    http: off.has('http'),
    pubkey: off.has('pubkey'),
    capabilities: off.has('capabilities'),
    paths: off.has('paths'),
    seccomp: off.has('seccomp'),
  };
}

/** The words that a set of options amounts to, for warnings. */
export function insecureWords(options: InsecureOptions): readonly string[] {
  return [...FETCH, ...RUN].filter((word) => options[word]);
}
