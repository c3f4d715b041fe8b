import { describe, expect, it } from 'vitest';
import { gathered } from './gathered.ts';

/** Chunks of these lengths, numbered from 1, and what they fail with then. */
async function* chunksOf(lengths: readonly number[], failure?: Error): AsyncGenerator<Buffer> {
  for (const [index, length] of lengths.entries()) {
    yield await Promise.resolve(Buffer.alloc(length, index + 1));
  }
  if (failure !== undefined) throw failure;
}

const KIB = 1024;

describe('gathered()', () => {
  it('passes on what came, in order, in long pieces', async () => {
    const lengths = Array.from({ length: 20 }, () => 16 * KIB);
    const pieces = await Array.fromAsync(gathered(chunksOf(lengths)));

    expect(pieces.map((piece) => piece.length / KIB)).toEqual([128, 128, 64]);
    expect(Buffer.concat(pieces)).toEqual(
      Buffer.concat(lengths.map((length, index) => Buffer.alloc(length, index + 1))),
    );
  });

  it('passes on nothing of nothing', async () => {
    expect(await Array.fromAsync(gathered(chunksOf([])))).toEqual([]);
  });

  it('passes on what came before a failure', async () => {
    const came: Buffer[] = [];
    const read = async (): Promise<void> => {
      for await (const piece of gathered(chunksOf([3, 4], new Error('broke')))) came.push(piece);
    };

    await expect(read()).rejects.toThrow('broke');
    expect(came).toEqual([Buffer.from([1, 1, 1, 2, 2, 2, 2])]);
  });
});
