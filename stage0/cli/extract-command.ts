import type { ImageStore, TreePlan } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { openLibrary } from '../operations/library.ts';
import { type Command, plainCommand } from './command.ts';
import { findStored } from './image-argument.ts';
import { openWorkplace } from './workplace.ts';

/** What a command that writes an image's files into a directory leaves to say. */
export interface ExtractCommand {
  readonly description: string;
  /** What of the image, or of more than it, becomes the directory. */
  readonly plan: (store: ImageStore, key: ImageKey) => TreePlan;
}

/** Declares `gantry image extract` or `gantry image render`, which differ in nothing else. */
export function extractCommand({ description, plan }: ExtractCommand): Command {
  return plainCommand({
    usage: '[--rootfs-only] [--overwrite] IMAGE DIR',
    description,
    operands: ['image', 'directory'],
    options: {
      overwrite: { kind: 'flag', summary: 'replace the directory when it is there' },
      'rootfs-only': {
        kind: 'flag',
        summary: 'only the root file system, without the manifest beside it',
      },
    },
    words: { min: 2, max: 2 },

    async run({ call, globals, options, words: [image = '', dir = ''] }) {
      using workplace = await openWorkplace(call, globals);
      using library = openLibrary(workplace.context);
      const { store } = library;
      const planned = plan(store, await findStored(workplace.context, store, image));
      const { overwrite, 'rootfs-only': rootfsOnly } = options;
      const sparing = workplace.context.dataDir;
      await store.trees.extract(planned, { dir, overwrite, rootfsOnly, sparing });

      return 0;
    },
  });
}
