import { APP_OPTIONS } from '../cli/app-options.ts';
import { type Command, showHelp } from '../cli/command.ts';
import { globalOptions } from '../cli/global-options.ts';
import { optionValues } from '../cli/option.ts';
import { PREPARE_OPTIONS } from '../cli/pod-options.ts';
import { parsePodLine, readPrepareRequest } from '../cli/pod-request.ts';
import { refuseUnsupported } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { prepare } from '../operations/prepare.ts';

const OPTIONS = {
  ...PREPARE_OPTIONS,
  quiet: { kind: 'flag', summary: 'print nothing but the UUID' },
} as const;

/** `gantry prepare`: prints the UUID of a pod for `run-prepared`. */
export const command: Command = {
  help: {
    usage: '[POD-FLAGS] IMAGE [APP-FLAGS] [-- ARG… [---]] …',
    description:
      'Fetches, verifies and renders everything that a pod needs and makes it, without running it. Prints its UUID, for "gantry run-prepared".',
    operands: ['sources'],
    options: { ...OPTIONS, ...APP_OPTIONS },
  },

  async run(call) {
    const line = parsePodLine(call.args, OPTIONS);
    const globals = globalOptions([...call.leading, ...line.tokens]);
    if (globals.help) return await showHelp(call);
    const values = optionValues(line.tokens, OPTIONS);
    const request = await readPrepareRequest(line, values, globals);
    refuseUnsupported(request.unsupported);

    using workplace = await openWorkplace(call, globals, { quiet: values.quiet });
    const { uuid } = await prepare(workplace.context, request);
    workplace.talk.quiet();
    call.output.write(`${uuid}\n`);

    return 0;
  },
};
