import { type Command, plainCommand } from '../cli/command.ts';
import { readSelectors, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { reportPods } from '../cli/pod-results.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { removePods } from '../operations/remove.ts';

/** `gantry rm UUID…`. */
export const command: Command = plainCommand({
  usage: 'UUID…\n--uuid-file=FILE',
  description: 'Removes pods that are not running, with everything that their apps wrote.',
  operands: ['pods'],
  action: 'remove',
  options: UUID_FILE_OPTION,

  async run({ call, globals, options, words }) {
    const selectors = readSelectors(words, options['uuid-file']);
    using workplace = await openWorkplace(call, globals);

    return await reportPods(workplace, selectors, (uuids) => removePods(workplace.context, uuids));
  },
});
