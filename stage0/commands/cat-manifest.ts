import { formatPodManifest } from '#schema/pod/pod-manifest';
import { type Command, plainCommand } from '../cli/command.ts';
import { findOnePod, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { demandPodState } from '../pod/look-at-pod.ts';
import { readPodManifest } from '../pod/read-pod.ts';

/** `gantry cat-manifest UUID`. */
export const command: Command = plainCommand({
  usage: '[--pretty-print=BOOL] UUID\n[--pretty-print=BOOL] --uuid-file=FILE',
  description: 'Prints the manifest of a pod.',
  operands: ['pod'],
  options: {
    'pretty-print': { kind: 'flag', fallback: 'true', summary: 'indent the JSON' },
    ...UUID_FILE_OPTION,
  },
  words: { min: 0, max: 1 },

  async run({ call, globals, options, words }) {
    using workplace = await openWorkplace(call, globals);
    const uuid = findOnePod(workplace, words, options['uuid-file']);
    const { kernel, dataDir } = workplace.context;
    const manifest = readPodManifest(demandPodState(kernel, dataDir, uuid).dir);
    const pretty = options['pretty-print'] ?? true;
    call.output.write(`${formatPodManifest(manifest, { pretty })}\n`);

    return 0;
  },
});
