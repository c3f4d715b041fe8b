import { parsePodUuid } from '#schema/types/pod-uuid';
import { type Command, plainCommand } from '../cli/command.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { releaseEndedPod, releaseEndedPods } from '../operations/release-ended.ts';

/** `gantry pod-release UUID`, for the waiter of a pod, and `--ended`, for a run that needs what ended pods hold. */
export const command: Command = plainCommand({
  usage: 'UUID\n--ended',
  description:
    'Gives back what a pod held that has ended. For the waiter that gantry starts with a pod. With --ended, waits until every pod that has ended has done so, and prints which were still to do it.',
  options: {
    ended: { kind: 'flag', summary: 'all pods that have ended' },
  },
  words: { min: 0, max: 1 },

  async run({ call, globals, options, words: [text] }) {
    if ((options.ended === true) === (text !== undefined)) {
      throw usageError('either a UUID or --ended is needed');
    }
    using workplace = await openWorkplace(call, globals);
    const { context } = workplace;
    if (text === undefined) {
      const uuids = await releaseEndedPods(context);
      call.output.write(uuids.map((uuid) => `${uuid}\n`).join(''));
    } else await releaseEndedPod(context, parsePodUuid(text));

    return 0;
  },
});
