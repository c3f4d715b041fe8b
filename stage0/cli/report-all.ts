import type { Call } from './command.ts';
import { EXIT } from './exit-status.ts';
import { presentError } from './present-error.ts';

/**
 * Does something for every one of many things; one that fails is told about
 * and does not keep the others from their turn.
 * @returns the exit status: success only when all were
 */
export async function reportAll<Item>(
  { name, args }: Call,
  items: readonly Item[],
  action: (item: Item) => Promise<void>,
): Promise<number> {
  let status: number = EXIT.ok;
  for (const item of items) {
    try {
      await action(item);
    } catch (error) {
      status = await presentError(error, { name, debug: args.includes('--debug') });
    }
  }

  return status;
}
