import { parsePodUuid } from '#schema/types/pod-uuid';
import { type Command, plainCommand } from '../cli/command.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { releaseEndedPod, releaseEndedPods } from '../operations/release-ended.ts';

/** `gantry pod-release UUID`, for the waiter of a pod, and `--ended`, for a run that needs what ended pods hold. */
export const command: Command = plainCommand({
  usage: 'UUID\n--ended [UUID…]',
  description:
    'Gives back what a pod held that has ended. For the waiter that gantry starts with a pod. With --ended, waits until every pod that has ended, of those given if any are, has done so, and prints which were still to do it.',
  options: {
    ended: { kind: 'flag', summary: 'all pods that have ended' },
  },

  async run({ call, globals, options, words }) {
    const [uuid, ...others] = words.map(parsePodUuid);
    const isEnded = options.ended === true;
    if (!isEnded && (uuid === undefined || others.length > 0)) {
      throw usageError('either one UUID or --ended is needed');
    }
    using workplace = await openWorkplace(call, globals);
    const { context } = workplace;
    if (uuid !== undefined && !isEnded) {
      await releaseEndedPod(context, uuid);
      return 0;
    }

    const wanted = uuid === undefined ? undefined : new Set([uuid, ...others]);
    const uuids = await releaseEndedPods(context, wanted);
    call.output.write(uuids.map((each) => `${each}\n`).join(''));
    return 0;
  },
});
