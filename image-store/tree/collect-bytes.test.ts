import { expect, it } from 'vitest';
import { collectBytes } from './collect-bytes.ts';

it('gives back what was put in, across pieces and larger than one', () => {
  const bytes = collectBytes();
  const put = [1000, 400_000, 1, 0, 262_143, 2, 300_000].map((length, index) => {
    bytes.add(length, (into, at) => void into.fill(index + 1, at, at + length));
    return Buffer.alloc(length, index + 1);
  });

  expect(Buffer.concat(bytes.pieces()).equals(Buffer.concat(put))).toBe(true);
});

it('is nothing when nothing was put in', () => {
  expect(Buffer.concat(collectBytes().pieces())).toHaveLength(0);
});
