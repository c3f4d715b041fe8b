import type { KeyScope } from '#image-store';
import { parseAcIdentifier } from '#schema/types/names';
import { type Command, plainCommand } from '../cli/command.ts';
import { editPolicy, listPolicy } from '../cli/policy-edit.ts';
import { editKeys, listKeys } from '../cli/key-edit.ts';
import { announcedKeyFiles, keyFiles } from '../cli/key-files.ts';
import { flagsOf, type SignerWish } from '../cli/policy-signers.ts';
import { trustKeys } from '../cli/trust-keys.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { openKeys } from '../operations/library.ts';

const OPTIONS = {
  accept: { kind: 'flag', summary: 'with --registry: take images unsigned' },
  'fulcio-ca': {
    kind: 'value',
    value: 'FILE',
    summary: 'with --registry: certificates of the authority that says who signs',
  },
  'insecure-allow-http': { kind: 'flag', summary: 'take keys over plain HTTP' },
  list: { kind: 'flag', summary: 'list the keys and whether each is trusted, or why not' },
  mask: { kind: 'flag', summary: 'take back the trust in a key that comes with the system' },
  'oidc-issuer': {
    kind: 'value',
    value: 'URL',
    summary: 'with --fulcio-ca: who knows the signer',
  },
  prefix: { kind: 'value', value: 'NAME', summary: 'trust for images whose name begins so' },
  registry: {
    kind: 'value',
    value: 'PLACE',
    summary: 'demand signatures of OCI images of HOST[:PORT][/NAME], or of oci:DIR',
  },
  'rekor-key': {
    kind: 'values',
    value: 'FILE',
    summary: 'with --registry: key of a log that must have the signature',
  },
  reject: { kind: 'flag', summary: 'with --registry: take no image' },
  remove: { kind: 'flag', summary: 'remove a key that was added here, or what --registry set' },
  root: { kind: 'flag', summary: 'trust for images of any name' },
  'skip-fingerprint-review': { kind: 'flag', summary: 'do not ask' },
  'subject-email': {
    kind: 'value',
    value: 'ADDRESS',
    summary: 'with --fulcio-ca: who signs',
  },
  unmask: { kind: 'flag', summary: 'undo --mask' },
} as const;

/** `gantry trust`. */
export const command: Command = plainCommand({
  usage: [
    '--prefix=NAME [PUBKEY…]',
    '--root PUBKEY…',
    '--registry=PLACE [--rekor-key=FILE…] PUBKEY…',
    '--registry=PLACE --fulcio-ca=FILE --oidc-issuer=URL --subject-email=ADDRESS --rekor-key=FILE',
    '--registry=PLACE --accept|--reject|--remove',
    '--list',
    '--remove|--mask|--unmask (--prefix=NAME|--root) FINGERPRINT…',
  ].join('\n'),
  description: [
    'Trusts public keys for images whose name begins with a prefix, or for all. PUBKEY is a file or URL; without any, the keys that the site of the prefix announces are found by discovery.',
    'Of OCI and Docker images, policy.json says by their registry or repository what is demanded: a signature by one of the keys that --registry names (OpenPGP, or PEM for sigstore) or by somebody whom an authority of sigstore certifies (--fulcio-ca), nothing, or they are rejected, as all are of which nothing is said.',
    'Each key that is good is shown and asked about, unless told otherwise: compare its fingerprint with one that you got another way. A key that is not, one that has expired say, is told of and left out; none being left is an error.',
  ].join('\n'),
  operands: ['files'],
  options: OPTIONS,

  async run({ call, globals, options, words }) {
    using workplace = await openWorkplace(call, globals);
    if (options.list === true) {
      if (words.length > 0) throw usageError('flag --list takes no arguments');
      const policy = await listPolicy(workplace);
      call.output.write(await listKeys(openKeys(workplace.context)));
      if (policy !== '') call.output.write(`\n${policy}`);
      return 0;
    }
    const skipReview = options['skip-fingerprint-review'] === true;
    const allowHttp = options['insecure-allow-http'] === true || globals.insecure.pubkey;
    const signers: SignerWish = {
      keys: words,
      rekorKeys: options['rekor-key'] ?? [],
      fulcioCa: options['fulcio-ca'],
      oidcIssuer: options['oidc-issuer'],
      subjectEmail: options['subject-email'],
      skipReview,
      allowHttp,
    };
    if (options.registry !== undefined) {
      demandNone(options, ['prefix', 'root', 'mask', 'unmask'], '--registry');
      const place = options.registry;
      const edit = onlyOne(options, ['accept', 'reject', 'remove']);
      return await editPolicy(workplace, { place, edit, signers });
    }
    demandNone(options, ['accept', 'reject'], 'a prefix or --root');
    const [flag] = flagsOf(signers);
    if (flag !== undefined) throw usageError(`flag --${flag} has no meaning without --registry`);

    const scope = readScope(options.prefix, options.root);
    const edit = onlyOne(options, ['remove', 'mask', 'unmask']);
    if (edit !== undefined) return await editKeys(workplace, { edit, scope, fingerprints: words });

    if (scope === '' && words.length === 0) {
      throw usageError('flag --root needs a key', 'keys can be discovered for a prefix only');
    }
    const files =
      scope !== '' && words.length === 0
        ? await announcedKeyFiles(workplace, { prefix: scope, allowHttp })
        : await Array.fromAsync(keyFiles(workplace, { places: words, allowHttp }));
    await trustKeys(workplace, { files, scope, skipReview });
    return 0;
  },
});

/** Which of some flags is given. */
function onlyOne<Name extends string>(
  options: Readonly<Record<Name, boolean | undefined>>,
  names: readonly Name[],
): Name | undefined {
  const [first, second] = names.filter((name) => options[name] === true);
  if (second !== undefined) throw usageError(`flags --${first} and --${second} exclude each other`);

  return first;
}

function demandNone(
  options: Readonly<Record<string, unknown>>,
  names: readonly string[],
  beside: string,
): void {
  const name = names.find((each) => options[each] !== undefined && options[each] !== false);
  if (name !== undefined) throw usageError(`flag --${name} has no meaning beside ${beside}`);
}

function readScope(prefix: string | undefined, root: boolean | undefined): KeyScope {
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
