import { type Command, plainCommand } from '../cli/command.ts';
import { findStored, shownName } from '../cli/image-argument.ts';
import { acceptanceJson, formatJson, nanoseconds } from '../cli/json.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { type ImageDetails, imageDetails } from '../operations/image-details.ts';
import { openLibrary } from '../operations/library.ts';

/** `gantry image inspect IMAGE…`. */
export const command: Command = plainCommand({
  usage: '[--pretty-print=BOOL] IMAGE…',
  description:
    'Prints all that is known of images as a JSON list: how each was accepted, its manifest, of an OCI image its configuration and layers as they came, what it is made of, and its rendered tree. Times are nanoseconds since 1970, sizes bytes.',
  operands: ['image'],
  options: {
    'pretty-print': { kind: 'flag', fallback: 'true', summary: 'indent the JSON' },
  },
  words: { min: 1 },

  async run({ call, globals, options, words }) {
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    const all: ImageDetails[] = [];
    for (const image of words) {
      const key = await findStored(workplace.context, library.store, image);
      all.push(imageDetails(library, key));
    }
    const pretty = options['pretty-print'] ?? true;
    call.output.write(formatJson(all.map(detailsJson), { pretty }));

    return 0;
  },
});

function detailsJson({ record, manifest, config, parts, tree }: ImageDetails): object {
  const { key, importTime, lastUsed, size, treeSize, accepted, oci, origin } = record;

  return {
    id: key,
    name: shownName(record),
    import_time: nanoseconds(importTime),
    last_used: nanoseconds(lastUsed),
    size,
    tree_size: treeSize,
    accepted: acceptanceJson(accepted),
    manifest_digest: oci?.manifest,
    media_type: origin?.mediaType,
    layers: oci?.layers.map(({ digest, diffId, size: bytes }) => ({
      digest,
      diff_id: diffId,
      size: bytes,
    })),
    config,
    made_of: parts,
    tree: tree === undefined ? undefined : { id: tree.id, rootfs: tree.rootfs },
    manifest,
  };
}
