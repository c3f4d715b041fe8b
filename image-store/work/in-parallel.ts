import type { LimitFunction } from 'p-limit';

/**
 * Does work on several things, as many at a time as `limit` lets. The first
 * failure ends the others, and all have ended when this throws it.
 * @param work is told by the signal that another one failed
 */
export async function inParallel<Item>(
  limit: LimitFunction,
  items: Iterable<Item>,
  work: (item: Item, failed: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const all = [...items].map((item) =>
    limit(async () => {
      if (failed.signal.aborted) return;
      try {
        await work(item, failed.signal);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  await Promise.allSettled(all);
  if (failed.signal.aborted) throw failed.signal.reason;
}
