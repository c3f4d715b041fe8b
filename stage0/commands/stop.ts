import { type Command, plainCommand } from '../cli/command.ts';
import { readPatience } from '../cli/flag-values.ts';
import { readSelectors, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { reportPods } from '../cli/pod-results.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { stopPods } from '../operations/stop.ts';

/** Longer than the pod's own systemd waits before it kills an app, 90 s: then post-stop handlers run as well. */
const TIMEOUT = '2m';

/** `gantry stop UUID…`. */
export const command: Command = plainCommand({
  usage: '[--force] [--timeout=DURATION] UUID…\n[--force] [--timeout=DURATION] --uuid-file=FILE',
  description:
    'Has pods end, each app by its stop signal, and waits until they have. A pod that has not ended when the time is over is killed. One that has ended already counts as stopped.',
  operands: ['pods'],
  action: 'stop',
  options: {
    force: { kind: 'flag', summary: 'kill them at once' },
    timeout: {
      kind: 'value',
      value: 'DURATION',
      fallback: TIMEOUT,
      summary: 'how long a pod has to end in order; a negative one for as long as it takes',
    },
    ...UUID_FILE_OPTION,
  },

  async run({ call, globals, options, words }) {
    const selectors = readSelectors(words, options['uuid-file']);
    const timeoutMs = readPatience(options.timeout ?? TIMEOUT);
    using workplace = await openWorkplace(call, globals);
    const force = options.force ?? false;

    return await reportPods(workplace, selectors, (uuids) =>
      stopPods(workplace.context, uuids, { force, timeoutMs }),
    );
  },
});
