import { GantryError } from '#base/errors/gantry-error';
import { exportBlob, type ImageStore } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { type Command, plainCommand } from '../cli/command.ts';
import { findStored } from '../cli/image-argument.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { openLibrary } from '../operations/library.ts';

/** @throws GantryError IMAGE_EXPORT_UNSUPPORTED */
function demandAci(store: ImageStore, key: ImageKey, image: string): void {
  if (store.record(key)?.oci === undefined) return;

  throw new GantryError(
    'IMAGE_EXPORT_UNSUPPORTED',
    `cannot export image "${image}": OCI images cannot be exported yet`,
    { hint: '"gantry image render" puts its files into a directory' },
  );
}

/** `gantry image export IMAGE FILE`. */
export const command: Command = plainCommand({
  usage: '[--overwrite] IMAGE FILE',
  description:
    'Writes an appc image to a file, as an uncompressed ACI. What is written is checked against the key of the image.',
  operands: ['image', 'file'],
  options: { overwrite: { kind: 'flag', summary: 'replace the file when it is there' } },
  words: { min: 2, max: 2 },

  async run({ call, globals, options, words: [image = '', target = ''] }) {
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    const key = await findStored(workplace.context, library.store, image);
    demandAci(library.store, key, image);
    const blob = library.store.blobPath(key);
    await exportBlob({ key, blob, target, overwrite: options.overwrite });

    return 0;
  },
});
