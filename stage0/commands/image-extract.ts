import type { Command } from '../cli/command.ts';
import { extractCommand } from '../cli/extract-command.ts';

/** `gantry image extract IMAGE DIR`. */
export const command: Command = extractCommand({
  description:
    'Extracts the archive of an image, without what it depends on, into a directory that is not there yet.',
  plan: (store, key) => store.planAlone(key),
});
