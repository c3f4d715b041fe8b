import { formatImageManifest } from '#schema/image/image-manifest';
import { type Command, plainCommand } from '../cli/command.ts';
import { findStored } from '../cli/image-argument.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { openLibrary } from '../operations/library.ts';

/** `gantry image cat-manifest IMAGE`. */
export const command: Command = plainCommand({
  usage: '[--pretty-print=BOOL] IMAGE',
  description: 'Prints the manifest of an image.',
  operands: ['image'],
  options: {
    'pretty-print': { kind: 'flag', fallback: 'true', summary: 'indent the JSON' },
  },
  words: { min: 1, max: 1 },

  async run({ call, globals, options, words: [image = ''] }) {
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    const manifest = library.store.manifest(
      await findStored(workplace.context, library.store, image),
    );
    const pretty = options['pretty-print'] ?? true;
    call.output.write(`${formatImageManifest(manifest, { pretty })}\n`);

    return 0;
  },
});
