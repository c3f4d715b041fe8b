import { archiveTarget } from '../cli/archive-target.ts';
import { type Command, plainCommand } from '../cli/command.ts';
import { findOnePod, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { exportPod } from '../operations/export.ts';

/** `gantry export UUID FILE`. */
export const command: Command = plainCommand({
  usage: '[--app=NAME] [--overwrite] UUID FILE\n[--app=NAME] [--overwrite] --uuid-file=FILE FILE',
  description:
    'Writes the root file system of an app of a pod that has ended to a file, or to standard output as "-", as a compressed ACI that runs what the app ran. What lies in volumes is not part of it.',
  operands: ['pod', 'file'],
  action: 'export',
  options: {
    app: { kind: 'value', value: 'NAME', summary: 'the app, when the pod has several' },
    overwrite: { kind: 'flag', summary: 'replace the file when it is there' },
    ...UUID_FILE_OPTION,
  },
  words: { min: 1, max: 2 },

  async run({ call, globals, options, words }) {
    const target = archiveTarget(call, words.at(-1) ?? '', options.overwrite);
    const pod = words.slice(0, -1);
    const uuidFile = options['uuid-file'];
    if (uuidFile === undefined && pod.length === 0) {
      throw usageError('too few arguments', 'name a pod and a file');
    }
    using workplace = await openWorkplace(call, globals);
    await exportPod(workplace.context, {
      uuid: findOnePod(workplace, pod, uuidFile),
      app: options.app,
      target,
    });

    return 0;
  },
});
