import { type Command, plainCommand } from '../cli/command.ts';
import { EXTRACT_OPTIONS, findStored } from '../cli/image-argument.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { openLibrary } from '../operations/library.ts';

/** `gantry image extract IMAGE DIR`. */
export const command: Command = plainCommand({
  usage: '[--rootfs-only] [--overwrite] IMAGE DIR',
  description:
    'Extracts the archive of an image, without what it depends on, into a directory that is not there yet.',
  operands: ['image', 'directory'],
  options: EXTRACT_OPTIONS,
  words: { min: 2, max: 2 },

  async run({ call, globals, options, words: [image = '', dir = ''] }) {
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    const { store } = library;
    const plan = store.planAlone(await findStored(workplace.context, store, image));
    const { overwrite, 'rootfs-only': rootfsOnly } = options;
    const sparing = workplace.context.dataDir;
    await store.trees.extract(plan, { dir, overwrite, rootfsOnly, sparing });

    return 0;
  },
});
