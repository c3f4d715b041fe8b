import { type Command, plainCommand } from '../cli/command.ts';
import { RUN_OPTIONS } from '../cli/pod-options.ts';
import { readRunOptions } from '../cli/pod-request.ts';
import { refuseUnsupported } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { findPod } from '../operations/list.ts';
import { runPrepared } from '../operations/run-prepared.ts';

/** `gantry run-prepared UUID`. */
export const command: Command = plainCommand({
  usage: '[FLAGS] UUID',
  description: 'Becomes a pod that "gantry prepare" made. A pod can be run once.',
  options: RUN_OPTIONS,
  words: { min: 1, max: 1 },

  async run({ call, globals, options: values, words: [text = ''] }) {
    const { options, unsupported } = await readRunOptions(values);
    refuseUnsupported(unsupported);
    using workplace = await openWorkplace(call, globals);
    const uuid = findPod(workplace.context, { uuid: text });
    const { exitCode } = await runPrepared(workplace.context, {
      ...options,
      uuid,
      insecure: globals.insecure,
      unsupported,
    });

    return exitCode;
  },
});
