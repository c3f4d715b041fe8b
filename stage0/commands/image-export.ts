import { exportBlob } from '#image-store';
import { type Command, plainCommand } from '../cli/command.ts';
import { findStored } from '../cli/image-argument.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { openLibrary } from '../operations/library.ts';

/** `gantry image export IMAGE FILE`. */
export const command: Command = plainCommand({
  usage: '[--overwrite] IMAGE FILE',
  description:
    'Writes an image to a file, as an uncompressed ACI. What is written is checked against the key of the image.',
  operands: ['image', 'file'],
  options: { overwrite: { kind: 'flag', summary: 'replace the file when it is there' } },
  words: { min: 2, max: 2 },

  async run({ call, globals, options, words: [image = '', target = ''] }) {
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    const key = findStored(library.store, image);
    const blob = library.store.blobPath(key);
    await exportBlob({ key, blob, target, overwrite: options.overwrite });

    return 0;
  },
});
