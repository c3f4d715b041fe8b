import { checkOnce } from '../cli/app-request.ts';
import { tellBrought } from '../cli/brought-image.ts';
import { parseImageLine } from '../cli/image-line.ts';
import type { Command } from '../cli/command.ts';
import { showHelp } from '../cli/command.ts';
import { fetchWish } from '../cli/fetching.ts';
import { GLOBAL_OPTIONS, globalOptions } from '../cli/global-options.ts';
import { optionValues } from '../cli/option.ts';
import { readPullPolicy } from '../cli/pod-request.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { holdImages } from '../operations/hold-image.ts';
import { openLibrary } from '../operations/library.ts';

const OPTIONS = {
  full: { kind: 'flag', summary: 'print the whole key of each image' },
  'no-store': { kind: 'flag', hidden: true, summary: 'the old spelling of --pull-policy=update' },
  'pull-policy': {
    kind: 'value',
    value: 'never|new|update',
    fallback: 'update',
    summary: 'when to fetch: never, what is not in the store, or what has changed',
  },
  'store-only': { kind: 'flag', hidden: true, summary: 'the old spelling of --pull-policy=never' },
} as const;

const IMAGE_OPTIONS = {
  signature: {
    kind: 'value',
    value: 'FILE',
    summary: 'the detached signature of the image before it',
  },
} as const;

/** `gantry fetch IMAGE…`: prints the key of each image, one a line. */
export const command: Command = {
  help: {
    usage: '[--pull-policy=…] [--full] IMAGE [--signature=FILE] …',
    description: [
      'Fetches images, verifies their signatures and keeps them, with all that they depend on.',
      'IMAGE is NAME[:VERSION][,LABEL=VALUE…], found by discovery; a URL or path of an .aci file; docker://HOST[:PORT]/NAME[:TAG][@DIGEST] for an OCI or Docker image in a registry, where registries.conf may leave the host out; oci:DIR[:NAME], oci-archive:FILE[:NAME] or docker-archive:FILE[:NAME] for one on this machine; or the id, sha512-… or sha256-…, of an image in the store.',
    ].join('\n'),
    operands: ['sources'],
    options: { ...OPTIONS, ...IMAGE_OPTIONS },
  },

  async run(call) {
    const line = parseImageLine(call.args, {
      pod: { ...OPTIONS, ...GLOBAL_OPTIONS },
      app: IMAGE_OPTIONS,
      shared: [],
      args: false,
    });
    const globals = globalOptions([...call.leading, ...line.tokens]);
    if (globals.help) return await showHelp(call);
    if (line.images.length === 0) throw usageError('no image is given');
    for (const { image, tokens } of line.images) checkOnce(image, tokens);
    const options = optionValues(line.tokens, OPTIONS);
    const pullPolicy = readPullPolicy(options, 'update');

    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    for (const { image, tokens } of line.images) {
      const { signature } = optionValues(tokens, IMAGE_OPTIONS);
      const { insecure } = globals;
      const wish = { text: image, pullPolicy, insecure, signature };
      // Until its tree is there: others may collect images meanwhile.
      using held = holdImages(library);
      const key = await held.find(async () => (await fetchWish(workplace, library, wish)).key);
      await tellBrought(workplace, library, { key, full: options.full });
    }

    return 0;
  },
};
