import { imageArchive, writeTarget } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { archiveTarget } from '../cli/archive-target.ts';
import { type Command, plainCommand } from '../cli/command.ts';
import { findStored } from '../cli/image-argument.ts';
import { readChoice } from '../cli/flag-values.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { holdImages } from '../operations/hold-image.ts';
import { openLibrary } from '../operations/library.ts';

const FORMATS = ['oci-archive', 'docker-archive'] as const;

/** `gantry image save -o FILE IMAGE…`. */
export const command: Command = plainCommand({
  usage: '[--format=…] [--overwrite] [--output=FILE] IMAGE…',
  description:
    'Writes OCI images to one archive, which "gantry image load", podman and docker read: to a file, or to standard output. What is written is checked on the way.',
  operands: ['images'],
  options: {
    format: {
      kind: 'value',
      value: FORMATS.join('|'),
      fallback: 'oci-archive',
      summary: 'layers and manifests as they came, or as "docker save" writes them',
    },
    output: {
      kind: 'value',
      short: 'o',
      value: 'FILE',
      summary: 'where to, "-" for standard output',
    },
    overwrite: { kind: 'flag', summary: 'replace the file when it is there' },
  },
  words: { min: 1 },

  async run({ call, globals, options, words }) {
    const format = readChoice(options.format ?? 'oci-archive', '--format', FORMATS);
    const target = archiveTarget(call, options.output ?? '-', options.overwrite);
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    using held = holdImages(library);
    const { store } = library;
    const keys: ImageKey[] = [];
    for (const image of words) {
      keys.push(await held.find(async () => await findStored(workplace.context, store, image)));
    }
    const { exec } = workplace.context;
    await writeTarget(target, imageArchive({ store, exec, keys, format }));

    return 0;
  },
});
