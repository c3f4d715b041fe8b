import { type Command, plainCommand } from '../cli/command.ts';
import { reportAll } from '../cli/report-all.ts';
import { findStored } from '../cli/image-argument.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { openLibrary } from '../operations/library.ts';
import { imagesInUse } from '../pod/used-images.ts';

/** `gantry image rm IMAGE…`. */
export const command: Command = plainCommand({
  usage: 'IMAGE…',
  description:
    'Removes images and their trees from the store. An image that a pod uses is kept, a prepared or exited pod too.',
  operands: ['images'],
  options: {},
  words: { min: 1 },

  async run({ call, globals, words }) {
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    const inUse = imagesInUse(workplace.context.dataDir);

    return await reportAll(workplace, words, async (text) => {
      const key = await findStored(workplace.context, library.store, text);
      await library.store.remove(key, inUse);
      call.output.write(`successfully removed aci for image: "${key}"\n`);
    });
  },
});
