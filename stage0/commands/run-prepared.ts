import { type Command, plainCommand } from '../cli/command.ts';
import { findOnePod, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { RUN_OPTIONS } from '../cli/pod-options.ts';
import { readRunOptions } from '../cli/pod-request.ts';
import { refuseUnsupported } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { runPrepared } from '../operations/run-prepared.ts';

/** `gantry run-prepared UUID`. */
export const command: Command = plainCommand({
  usage: '[FLAGS] UUID\n[FLAGS] --uuid-file=FILE',
  description: 'Becomes a pod that "gantry prepare" made. A pod can be run once.',
  operands: ['pod'],
  action: 'run',
  options: { ...RUN_OPTIONS, ...UUID_FILE_OPTION },
  words: { min: 0, max: 1 },

  async run({ call, globals, options: values, words }) {
    const { options, unsupported } = await readRunOptions(values);
    refuseUnsupported(unsupported);
    using workplace = await openWorkplace(call, globals);
    const uuid = findOnePod(workplace, words, values['uuid-file']);
    const { exitCode } = await runPrepared(workplace.context, {
      ...options,
      uuid,
      insecure: globals.insecure,
      unsupported,
    });

    return exitCode;
  },
});
