import { describe, expect, it } from 'vitest';
import { detachFilter } from './detach-filter.ts';

const PQ = Uint8Array.of(16, 17);

/** What comes through of some chunks, and whether the keys were found. */
async function filter(
  keys: Uint8Array,
  chunks: readonly (readonly number[])[],
): Promise<readonly [passed: readonly number[], left: boolean]> {
  let left = false;
  const through = detachFilter(keys, () => (left = true));
  const passed: number[] = [];
  through.on('data', (chunk: Buffer) => passed.push(...chunk));
  for (const chunk of chunks) through.write(Buffer.from(chunk));
  through.end();
  await new Promise((resolve) => through.once('end', resolve));

  return [passed, left];
}

describe('detachFilter()', () => {
  it.each([
    [
      PQ,
      [
        [1, 16],
        [17, 2],
      ],
      [1],
      true,
    ],
    [PQ, [[16, 16, 17, 9]], [16], true],
    [PQ, [[16, 3, 17]], [16, 3, 17], false],
    [PQ, [[4, 16]], [4, 16], false],
    [
      Uint8Array.of(1, 1, 2),
      [
        [1, 1],
        [1, 2, 5],
      ],
      [1],
      true,
    ],
    [new Uint8Array(), [[16, 17]], [16, 17], false],
  ])('%j of %j', async (keys, chunks, ...expected) => {
    expect(await filter(keys, chunks)).toEqual(expected);
  });
});
