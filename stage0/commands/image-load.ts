import { isatty } from 'node:tty';
import { GantryError } from '#base/errors/gantry-error';
import { loadImages } from '#image-store';
import { tellBrought } from '../cli/brought-image.ts';
import { type Command, plainCommand } from '../cli/command.ts';
import { fetchContext } from '../cli/fetching.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { holdImages } from '../operations/hold-image.ts';
import { openLibrary } from '../operations/library.ts';

/** `gantry image load FILE`: prints the key of each image, one a line. */
export const command: Command = plainCommand({
  usage: '[--full] [FILE]',
  description:
    'Takes all images out of an archive, as "gantry image save", "podman save", "docker save" and skopeo write them, packed or not: from a file, or from standard input. The policy has to accept them, as when "gantry fetch oci-archive:FILE" does it.',
  operands: ['file'],
  options: {
    full: { kind: 'flag', summary: 'print the whole key of each image' },
    input: { kind: 'value', short: 'i', value: 'FILE', summary: 'the archive, as FILE says it' },
  },
  words: { max: 1, min: 0 },

  async run({ call, globals, options, words: [word] }) {
    if (word !== undefined && options.input !== undefined) throw usageError('two files are given');
    const file = word ?? options.input ?? '-';
    if (file === '-') refuseTerminal();
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    await loadImages(
      {
        from: file === '-' ? process.stdin : file,
        insecure: globals.insecure,
        loaded: async (key) => {
          using held = holdImages(library);
          held.hold([key]);
          await tellBrought(workplace, library, { key, full: options.full });
        },
      },
      await fetchContext(workplace, library),
    );

    return 0;
  },
});

/** @throws GantryError INPUT_IS_TERMINAL */
function refuseTerminal(): void {
  if (!isatty(0)) return;

  throw new GantryError(
    'INPUT_IS_TERMINAL',
    'cannot read an archive from the terminal: nobody can type one',
    { hint: 'name a file, or send one with "<" or "|"' },
  );
}
