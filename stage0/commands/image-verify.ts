import { isGantryError } from '#base/errors/gantry-error';
import type { ImageKey } from '#schema/types/image-hash';
import { type Command, plainCommand } from '../cli/command.ts';
import { findStored } from '../cli/image-argument.ts';
import { reportAll } from '../cli/report-all.ts';
import { openWorkplace, type Workplace } from '../cli/workplace.ts';
import { type Library, openLibrary } from '../operations/library.ts';

/** `gantry image verify IMAGE…`. */
export const command: Command = plainCommand({
  usage: 'IMAGE…',
  description:
    'Hashes the archives of images, or their layers, and every file of their rendered trees again. A tree that has changed is rendered anew; an archive that has is an error, and so is a copy of its manifest that does not say what it says. Trees are looked at for root only.',
  operands: ['images'],
  options: {},
  words: { min: 1 },

  async run({ call, globals, words }) {
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);

    return await reportAll(workplace, words, async (text) => {
      const key = await findStored(workplace.context, library.store, text);
      await library.store.verifyBlobs(key);
      const verdict = await verifyTree(workplace, library, key);
      workplace.talk.quiet();
      call.output.write(`${verdict} image "${key}"\n`);
    });
  },
});

/** @returns what was found, to stand before the image */
async function verifyTree(
  { context }: Workplace,
  { store }: Library,
  key: ImageKey,
): Promise<string> {
  if (!store.trees.mayLook()) {
    return 'successfully verified the archive (looking at rendered trees takes root) of';
  }
  const tree = store.trees.find(store.treePlan(key).id);
  if (tree === undefined) return 'successfully verified the archive (no tree is rendered) of';

  try {
    await store.trees.verifyDeep(tree, store.manifest(key));
    return 'successfully verified';
  } catch (error) {
    if (!isGantryError(error, 'TREE_CHANGED')) throw error;
    context.log.warning(`${error.message}; rendering it again`);
  }
  await store.trees.discard(tree.id);
  await store.trees.verifyDeep(await store.renderTree(key));

  return 'rendered again and verified';
}
