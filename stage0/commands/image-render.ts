import type { Command } from '../cli/command.ts';
import { extractCommand } from '../cli/extract-command.ts';

/** `gantry image render IMAGE DIR`. */
export const command: Command = extractCommand({
  description:
    'Renders an image with all that it depends on, as an app would see it, into a directory that is not there yet.',
  plan: (store, key) => store.treePlan(key),
});
