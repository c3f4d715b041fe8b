import { type Command, plainCommand } from '../cli/command.ts';
import { readSelectors, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { reportPods } from '../cli/pod-results.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { stopPods } from '../operations/stop.ts';

/** `gantry stop UUID…`. */
export const command: Command = plainCommand({
  usage: '[--force] UUID…\n[--force] --uuid-file=FILE',
  description:
    'Asks pods to end, each app by its stop signal. A pod that has ended already counts as stopped.',
  options: { force: { kind: 'flag', summary: 'end them at once' }, ...UUID_FILE_OPTION },

  async run({ call, globals, options, words }) {
    const selectors = readSelectors(words, options['uuid-file']);
    using workplace = await openWorkplace(call, globals);
    const force = options.force ?? false;

    return await reportPods(workplace, selectors, (uuids) =>
      stopPods(workplace.context, uuids, { force }),
    );
  },
});
