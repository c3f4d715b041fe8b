import { type Command, plainCommand } from '../cli/command.ts';
import { readSelectors, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { reportPods } from '../cli/pod-results.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { removePods } from '../operations/remove.ts';

/** `gantry rm UUID…`. */
export const command: Command = plainCommand({
  usage: '[--force] UUID…\n[--force] --uuid-file=FILE',
  description:
    'Removes pods that are not running, with everything that their apps wrote. One that cannot give back what it held outside, its networks for example, is kept, unless that is forced: then what may be left is told.',
  operands: ['pods'],
  action: 'remove',
  options: {
    force: {
      kind: 'flag',
      summary: 'kill those that run, and remove those too that cannot give back what they held',
    },
    ...UUID_FILE_OPTION,
  },

  async run({ call, globals, options, words }) {
    const selectors = readSelectors(words, options['uuid-file']);
    using workplace = await openWorkplace(call, globals);

    const force = options.force ?? false;

    return await reportPods(workplace, selectors, (uuids) =>
      removePods(workplace.context, uuids, { force }),
    );
  },
});
