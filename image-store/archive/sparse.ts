import { corrupt, truncated } from './archive-error.ts';
import type { ByteSource } from './byte-source.ts';
import type { SparseRun } from './entry.ts';
import type { PaxRecord } from './pax.ts';
import { BLOCK, number } from './tar-block.ts';

// The old GNU header (GNU tar manual, "Basic Tar Format"): four runs of two
// 12-byte numbers each, whether more follow, and the size of the whole file.
const HEADER_RUNS = { at: 386, count: 4, more: 482 } as const;
const EXTENSION_RUNS = { at: 0, count: 21, more: 504 } as const;
const REAL_SIZE_AT = 483;
/** More runs than any file needs; a bound on memory. */
const MAX_RUNS = 1_000_000;

/** Size of the whole file behind an old GNU sparse header. */
export function oldSparseSize(header: Buffer): number {
  return number(header, REAL_SIZE_AT, 12);
}

/** The map of an old GNU sparse file; reads its extension blocks. */
export function readOldSparseMap(source: ByteSource, header: Buffer): readonly SparseRun[] {
  const runs: SparseRun[] = [];
  let place: typeof HEADER_RUNS | typeof EXTENSION_RUNS = HEADER_RUNS;

  for (let block = header; ; place = EXTENSION_RUNS) {
    for (let i = 0; i < place.count; i++) {
      const at = place.at + i * 24;
      if (block[at] === 0) break;
      addRun(runs, number(block, at, 12), number(block, at + 12, 12));
    }
    if (block[place.more] === 0) return runs;

    const next = source.exactly(BLOCK);
    if (next === undefined) throw truncated('it ends inside a sparse map');
    block = next;
  }
}

/** The map of PAX formats 0.0 (pairs of records) and 0.1 (one record); empty for 1.0. */
export function paxSparseMap(pax: readonly PaxRecord[]): readonly SparseRun[] {
  const runs: SparseRun[] = [];
  const map = pax.findLast(({ key }) => key === 'GNU.sparse.map');
  const pairs =
    map === undefined
      ? pax
          .filter(({ key }) => key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes')
          .map(({ value }) => value.toString('latin1'))
      : map.value.toString('latin1').split(',');
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    addRun(runs, decimal(pairs[i]), decimal(pairs[i + 1]));
  }

  return runs;
}

/**
 * The map of PAX format 1.0: lines of decimal numbers in front of the file's
 * bytes, padded to a block.
 * @param content what is left of the entry; the map is taken off
 */
export function readInlineSparseMap(
  source: ByteSource,
  content: { left: number },
): readonly SparseRun[] {
  let text = '';
  const line = (): number => {
    for (;;) {
      const end = text.indexOf('\n');
      if (end !== -1) {
        const found = text.slice(0, end);
        text = text.slice(end + 1);
        return decimal(found);
      }
      if (content.left < BLOCK) throw corrupt('a sparse map is cut off');
      const block = source.exactly(BLOCK);
      if (block === undefined) throw truncated('it ends inside a sparse map');
      content.left -= BLOCK;
      text += block.toString('latin1');
    }
  };

  const runs: SparseRun[] = [];
  for (let count = line(); count > 0; count--) addRun(runs, line(), line());
  return runs;
}

function addRun(runs: SparseRun[], offset: number, length: number): void {
  if (runs.length >= MAX_RUNS) throw corrupt('a sparse map is too long');
  if (length > 0) runs.push({ offset, length });
}

function decimal(text: string | undefined): number {
  if (text === undefined || !/^[0-9]{1,16}$/.test(text))
    throw corrupt('a sparse map holds a number that is none');

  return Number(text);
}
