import { type Command, showHelp } from '../cli/command.ts';
import { globalOptions } from '../cli/global-options.ts';
import { optionValues } from '../cli/option.ts';
import { PREPARE_OPTIONS, RUN_ONLY_OPTIONS, RUN_OPTIONS } from '../cli/pod-options.ts';
import { APP_OPTIONS } from '../cli/app-options.ts';
import { parsePodLine, readPrepareRequest, readRunOptions } from '../cli/pod-request.ts';
import { refuseUnsupported } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { run } from '../operations/run.ts';

const OPTIONS = { ...PREPARE_OPTIONS, ...RUN_OPTIONS, ...RUN_ONLY_OPTIONS } as const;

/** `gantry run`: makes a pod and becomes it. */
export const command: Command = {
  help: {
    usage: '[POD-FLAGS] IMAGE [APP-FLAGS] [-- ARG… [---]] …',
    description: [
      'Makes a pod of one or more images and becomes it: what was gantry is the pod afterwards, and its exit status is that of the first app that failed.',
      'Every word is an image, the flags of an app follow its image, flags of the pod may stand anywhere. "--" begins the arguments of an app, "---" ends them.',
      '--mount before the first image is for all apps.',
    ].join('\n'),
    operands: ['sources'],
    options: { ...OPTIONS, ...APP_OPTIONS },
  },

  async run(call) {
    const line = parsePodLine(call.args, OPTIONS);
    const globals = globalOptions([...call.leading, ...line.tokens]);
    if (globals.help) return await showHelp(call);
    const values = optionValues(line.tokens, OPTIONS);
    const prepared = await readPrepareRequest(line, values, globals);
    const { options, unsupported } = await readRunOptions(values);
    refuseUnsupported([...prepared.unsupported, ...unsupported]);

    using workplace = await openWorkplace(call, globals);
    const { exitCode } = await run(workplace.context, {
      ...prepared,
      ...options,
      uuidFileSave: values['uuid-file-save'],
    });

    return exitCode;
  },
};
