import { parseDuration } from '#base/time/duration';
import { type Command, plainCommand } from '../cli/command.ts';
import { EXIT } from '../cli/exit-status.ts';
import { readSelectors, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { reportAll } from '../cli/report-all.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { findPod } from '../operations/list.ts';
import { waitForPods } from '../operations/wait-for-pods.ts';

/** `gantry wait UUID…`. */
export const command: Command = plainCommand({
  usage: '[--timeout=DURATION] UUID…\n[--timeout=DURATION] --uuid-file=FILE',
  description:
    'Waits until pods have ended and prints the UUID and the exit status of each: that of its first app that failed, "unknown" under the fly flavor, where only the caller of "gantry run" sees it. The exit status is that of the first pod given that failed.',
  operands: ['pods'],
  action: 'wait for the end of',
  options: {
    timeout: {
      kind: 'value',
      value: 'DURATION',
      summary: 'how long to wait; for ever unless given',
    },
    ...UUID_FILE_OPTION,
  },

  async run({ call, globals, options, words }) {
    const selectors = readSelectors(words, options['uuid-file']);
    const timeoutMs = readTimeout(options.timeout);
    using workplace = await openWorkplace(call, globals);
    const { context } = workplace;
    const uuids = selectors.map((selector) => findPod(context, selector));
    const results = await waitForPods(context, uuids, { timeoutMs });

    const status = await reportAll(workplace, results, async ({ uuid, error, exitCode }) => {
      if (error !== undefined) throw error;
      call.output.write(`${uuid} ${exitCode ?? 'unknown'}\n`);
    });
    if (status !== EXIT.ok) return status;
    return results.find(({ exitCode }) => (exitCode ?? 0) !== 0)?.exitCode ?? EXIT.ok;
  },
});

/** @returns milliseconds, infinite for ever */
function readTimeout(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const timeoutMs = parseDuration(text);
  if (timeoutMs >= 0) return timeoutMs;

  throw usageError(`cannot read --timeout: "${text}" is negative`, 'leave it out to wait for ever');
}
