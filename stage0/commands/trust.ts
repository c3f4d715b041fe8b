import { GantryError } from '#base/errors/gantry-error';
import { addTrustedKey, readPublicKeys } from '#image-store';
import { parseAcIdentifier } from '#schema/types/names';
import { type Command, plainCommand } from '../cli/command.ts';
import { askToTrust } from '../cli/key-review.ts';
import { editKeys, listKeys } from '../cli/key-edit.ts';
import { type KeyFile, type KeyWish, keyFiles } from '../cli/key-files.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace, type Workplace } from '../cli/workplace.ts';
import { openKeys } from '../operations/library.ts';

const OPTIONS = {
  'insecure-allow-http': { kind: 'flag', summary: 'take keys over plain HTTP' },
  list: { kind: 'flag', summary: 'list the trusted keys and what hides them' },
  mask: { kind: 'flag', summary: 'take trust in a key back, one of the system too' },
  prefix: { kind: 'value', value: 'NAME', summary: 'trust for images whose name begins so' },
  remove: { kind: 'flag', summary: 'remove a key that was added here' },
  root: { kind: 'flag', summary: 'trust for images of any name' },
  'skip-fingerprint-review': { kind: 'flag', summary: 'do not ask' },
  unmask: { kind: 'flag', summary: 'undo --mask' },
} as const;

/** `gantry trust`. */
export const command: Command = plainCommand({
  usage: [
    '--prefix=NAME [PUBKEY…]',
    '--root PUBKEY…',
    '--list',
    '--remove|--mask|--unmask (--prefix=NAME|--root) FINGERPRINT…',
  ].join('\n'),
  description: [
    'Trusts public keys for images whose name begins with a prefix, or for all. PUBKEY is a file or URL; without any, the keys that the site of the prefix announces are found by discovery.',
    'Each key is shown and asked about, unless told otherwise: compare its fingerprint with one that you got another way.',
  ].join('\n'),
  operands: ['files'],
  options: OPTIONS,

  async run({ call, globals, options, words }) {
    using workplace = await openWorkplace(call, globals);
    if (options.list === true) {
      if (words.length > 0) throw usageError('flag --list takes no arguments');
      call.output.write(listKeys(openKeys(workplace.context)));
      return 0;
    }

    const scope = readScope(options.prefix, options.root);
    const edits = (['remove', 'mask', 'unmask'] as const).filter((edit) => options[edit] === true);
    const [edit, other] = edits;
    if (other !== undefined) throw usageError(`flags --${edit} and --${other} exclude each other`);
    if (edit !== undefined) return await editKeys(workplace, { edit, scope, fingerprints: words });

    if (scope === '' && words.length === 0) {
      throw usageError('flag --root needs a key', 'keys can be discovered for a prefix only');
    }
    const skipReview = options['skip-fingerprint-review'] === true;
    const allowHttp = options['insecure-allow-http'] === true || globals.insecure.pubkey;
    for await (const file of keyFiles(workplace, { scope, places: words, allowHttp })) {
      await trustFile(workplace, { file, scope, skipReview });
    }
    return 0;
  },
});

function readScope(prefix: string | undefined, root: boolean | undefined): KeyWish['scope'] {
  if (prefix !== undefined && root === true) {
    throw usageError('flags --prefix and --root exclude each other');
  }
  if (root === true) return '';
  if (prefix === undefined) {
    throw usageError(
      'either --prefix=NAME or --root is needed',
      '--prefix=example.com/app trusts a key for images of that name and below it; --root for all images',
    );
  }

  return parseAcIdentifier(prefix);
}

interface TrustWish {
  readonly file: KeyFile;
  readonly scope: KeyWish['scope'];
  readonly skipReview: boolean;
}

async function trustFile(workplace: Workplace, wish: TrustWish): Promise<void> {
  const { file, scope, skipReview } = wish;
  const { context, globals } = workplace;
  const { source } = file;
  const keys = await readPublicKeys(file.data, { source });
  const accepted =
    skipReview ||
    (globals.trustKeysFromHttps && source.startsWith('https:')) ||
    (await askToTrust(workplace, { scope, source, keys }));
  if (!accepted) {
    throw new GantryError('KEY_NOT_ACCEPTED', `cannot trust keys from "${source}": you said no`);
  }

  const { roots } = openKeys(context);
  for (const key of keys) {
    const { path, outcome } = await addTrustedKey(roots, key, { scope });
    const place = scope === '' ? 'all images' : `prefix "${scope}"`;
    context.log.info(`key ${key.fingerprint} for ${place} ${outcome} at "${path}"`);
  }
}
