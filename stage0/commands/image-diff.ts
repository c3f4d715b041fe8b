import type { ImageKey } from '#schema/types/image-hash';
import type { FileChange } from '#image-store';
import { type Command, plainCommand } from '../cli/command.ts';
import { findStored } from '../cli/image-argument.ts';
import { formatJson, readFormat } from '../cli/json.ts';
import { printable } from '../cli/printable.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { openLibrary } from '../operations/library.ts';

/** `gantry image diff IMAGE [OTHER]`. */
export const command: Command = plainCommand({
  usage: '[--format=…] IMAGE [IMAGE]',
  description:
    'Shows which files an image adds (A), changes (C) and deletes (D): in the second image, or in its own layers below the last. Of an ACI, in the images that it depends on. A directory in which something changed has changed; of one that was deleted nothing else is told.',
  operands: ['image', 'image'],
  options: {
    format: { kind: 'value', value: 'json|json-pretty', summary: 'print JSON in place of lines' },
  },
  words: { min: 1, max: 2 },

  async run({ call, globals, options, words: [image = '', base] }) {
    const format = readFormat(options.format);
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    const { store } = library;
    const find = async (text: string): Promise<ImageKey> =>
      await findStored(workplace.context, store, text);
    const other = base === undefined ? undefined : await find(base);
    const changes = await store.compare(await find(image), other);
    call.output.write(
      format === 'text'
        ? changes.map(({ kind, path }) => `${kind} ${printable(path)}\n`).join('')
        : formatJson(changesJson(changes), { pretty: format === 'json-pretty' }),
    );

    return 0;
  },
});

/** As podman has it. */
function changesJson(changes: readonly FileChange[]): object {
  const of = (wanted: FileChange['kind']): readonly string[] =>
    changes.filter(({ kind }) => kind === wanted).map(({ path }) => path);

  return { changed: of('C'), added: of('A'), deleted: of('D') };
}
