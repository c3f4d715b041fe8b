import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { expect, it } from 'vitest';
import { inTurn } from './in-turn.ts';

async function* counted(log: string[], name: string): AsyncGenerator<number, void, undefined> {
  log.push(`${name} begins`);
  for (const item of [1, 2]) {
    await sleep(1);
    yield item;
  }
  log.push(`${name} ends`);
}

async function use(items: AsyncIterable<number>, log: string[], name: string): Promise<void> {
  for await (const _ of items);
  await sleep(5);
  log.push(`${name} is over`);
}

it('lets the next one begin as soon as all has come, whatever is still done with it', async () => {
  const limit = pLimit(1);
  const { signal } = new AbortController();
  const log: string[] = [];
  await Promise.all(
    ['a', 'b'].map((name) => use(inTurn(limit, counted(log, name), signal), log, name)),
  );

  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'a is over', 'b is over']);
  expect(limit.activeCount).toBe(0);
});

it('gives its turn back when it fails, and when nobody wants the rest', async () => {
  const limit = pLimit(1);
  const { signal } = new AbortController();
  async function* failing(): AsyncGenerator<number, void, undefined> {
    yield await Promise.resolve(1);
    throw new Error('broken');
  }
  await expect(use(inTurn(limit, failing(), signal), [], '')).rejects.toThrow('broken');
  for await (const _ of inTurn(limit, counted([], 'left'), signal)) break;

  expect(await Array.fromAsync(inTurn(limit, counted([], 'last'), signal))).toEqual([1, 2]);
});

it('asks for nothing when its turn comes and nobody waits for it any more', async () => {
  const limit = pLimit(1);
  const failed = new AbortController();
  const log: string[] = [];
  const first = inTurn(limit, counted(log, 'first'), failed.signal);
  await first.next();
  const second = use(inTurn(limit, counted(log, 'second'), failed.signal), log, 'second');
  failed.abort(new Error('another one failed'));
  await first.return();

  await expect(second).rejects.toThrow('another one failed');
  expect(log).toEqual(['first begins']);
  expect(limit.activeCount).toBe(0);
});
