import { GantryError } from '#base/errors/gantry-error';
import {
  asRegistryReference,
  type LocalReference,
  parseReference,
  pushImage,
  type RegistryReference,
} from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { type Command, plainCommand } from '../cli/command.ts';
import { fetchContext } from '../cli/fetching.ts';
import { findStored } from '../cli/image-argument.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { holdImages } from '../operations/hold-image.ts';
import { type Library, openLibrary } from '../operations/library.ts';

/** `gantry push IMAGE [DESTINATION]`: prints the digest of the manifest. */
export const command: Command = plainCommand({
  usage: '[--overwrite] IMAGE [DESTINATION]',
  description: [
    'Pushes an OCI image of the store, as it came and checked on the way, and prints the digest of its manifest.',
    'DESTINATION is docker://HOST[:PORT]/NAME[:TAG], by default what the image was fetched by, as IMAGE names it or last; or oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME] on this machine. Signatures are not pushed.',
  ].join('\n'),
  operands: ['image', 'destination'],
  options: {
    overwrite: { kind: 'flag', summary: 'replace the file of an archive when it is there' },
  },
  words: { min: 1, max: 2 },

  async run({ call, globals, options, words: [image = '', given] }) {
    const told = given === undefined ? undefined : destinationOf(given);
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    using held = holdImages(library);
    const key = await held.find(
      async () => await findStored(workplace.context, library.store, image),
    );
    const destination = told ?? nameTyped(library, image, key);
    const digest = await pushImage(
      { key, destination, overwrite: options.overwrite ?? false, insecure: globals.insecure },
      await fetchContext(workplace, library),
    );
    workplace.talk.quiet();
    call.output.write(`${digest}\n`);

    return 0;
  },
});

/** An image may have been fetched by several names: the one that is typed, where that is one of them. */
function nameTyped({ store }: Library, text: string, key: ImageKey): RegistryReference | undefined {
  const reference = asRegistryReference(text, text.replace(/^docker:(?:\/\/)?/, ''));
  if (reference?.host === undefined) return undefined;

  return store.findByReference(reference)?.key === key ? reference : undefined;
}

/** @throws GantryError DESTINATION_INVALID, IMAGE_REFERENCE_INVALID */
function destinationOf(text: string): RegistryReference | LocalReference {
  const isTold = /^(?:docker|oci|oci-archive|docker-archive):/.test(text);
  const reference = isTold ? parseReference(text, { fileExists: () => false }) : undefined;
  if (reference?.kind === 'registry' || reference?.kind === 'local') return reference;

  throw new GantryError(
    'DESTINATION_INVALID',
    `cannot push to "${text}": it is no place for OCI images`,
    {
      hint: 'write it as docker://HOST[:PORT]/NAME[:TAG], oci:DIR, oci-archive:FILE or docker-archive:FILE',
    },
  );
}
