import { EXIT } from './exit-status.ts';
import { presentError } from './present-error.ts';
import type { Workplace } from './workplace.ts';

/**
 * Does something for every one of many things; one that fails is told about
 * and does not keep the others from their turn.
 * @returns the exit status: success only when all were
 */
export async function reportAll<Item>(
  { call, globals }: Pick<Workplace, 'call' | 'globals'>,
  items: Iterable<Item> | AsyncIterable<Item>,
  action: (item: Item) => Promise<void> | void,
): Promise<number> {
  let status: number = EXIT.ok;
  for await (const item of items) {
    try {
      await action(item);
    } catch (error) {
      status = await presentError(error, { name: call.name, debug: globals.debug });
    }
  }

  return status;
}
