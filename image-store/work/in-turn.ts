import type { LimitFunction } from 'p-limit';

/**
 * Passes things on as they come, and counts as one of those that `limit` lets at
 * the same time: from the first that is asked for until the last has come.
 * @throws the signal's reason, when its turn comes and nobody waits for it any more
 */
export async function* inTurn<Item>(
  limit: LimitFunction,
  items: AsyncIterable<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item, void, undefined> {
  const end = await new Promise<() => void>((begin) => {
    void limit(async () => await new Promise<void>((over) => begin(over)));
  });
  try {
    signal.throwIfAborted();
    yield* items;
  } finally {
    end();
  }
}
