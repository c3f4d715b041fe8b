import {
  type ArchiveTarget,
  exportAsAci,
  exportBlob,
  imageArchive,
  writeTarget,
} from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { archiveTarget } from '../cli/archive-target.ts';
import { type Command, plainCommand } from '../cli/command.ts';
import { readChoice } from '../cli/flag-values.ts';
import { findStored } from '../cli/image-argument.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace, type Workplace } from '../cli/workplace.ts';
import { holdImages } from '../operations/hold-image.ts';
import { type Library, openLibrary } from '../operations/library.ts';

const FORMATS = ['aci', 'oci-archive'] as const;
type Format = (typeof FORMATS)[number];

/** `gantry image export IMAGE FILE`. */
export const command: Command = plainCommand({
  usage: '[--format=…] [--overwrite] IMAGE FILE',
  description: [
    'Writes an image to a file, or to standard output as "-": an ACI as an uncompressed ACI, an OCI image as an OCI archive, both as they came and checked on the way.',
    'With --format=aci an OCI image becomes one ACI, its layers placed one over the other.',
  ].join('\n'),
  operands: ['image', 'file'],
  options: {
    format: {
      kind: 'value',
      value: FORMATS.join('|'),
      fallback: 'what the image is',
      summary: 'the form of what is written',
    },
    overwrite: { kind: 'flag', summary: 'replace the file when it is there' },
  },
  words: { min: 2, max: 2 },

  async run({ call, globals, options, words: [image = '', file = ''] }) {
    const given =
      options.format === undefined ? undefined : readChoice(options.format, '--format', FORMATS);
    const target = archiveTarget(call, file, options.overwrite);
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    using held = holdImages(library);
    const key = await held.find(
      async () => await findStored(workplace.context, library.store, image),
    );
    await exportImage(workplace, library, { key, target, format: given });

    return 0;
  },
});

interface Wish {
  readonly key: ImageKey;
  readonly target: ArchiveTarget;
  readonly format: Format | undefined;
}

async function exportImage(
  { context: { exec, kernel, log } }: Workplace,
  { store }: Library,
  { key, target, format }: Wish,
): Promise<void> {
  const isOci = store.record(key)?.oci !== undefined;
  if (!isOci) {
    if (format === 'oci-archive') throw usageError('an ACI cannot be written as an OCI archive');
    await exportBlob({ key, blob: store.blobPath(key), target });
    return;
  }
  if (format !== 'aci') {
    const archive = imageArchive({ store, exec, keys: [key], format: 'oci-archive' });
    await writeTarget(target, archive);
    return;
  }
  const { leftOut } = await exportAsAci({ store, kernel, exec, key, target });
  for (const path of leftOut) log.warning(`left out, since no image can hold a socket: ${path}`);
}
