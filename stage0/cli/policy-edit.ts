import {
  openPolicy,
  parsePolicyPlace,
  type PolicyPlace,
  type PolicyRule,
  publicKeyFingerprint,
  readPublicKeys,
  setPolicyRule,
} from '#image-store';
import { policyDirs } from '../operations/library.ts';
import { keyFiles } from './key-files.ts';
import { demandTrust, type KeyTarget } from './key-review.ts';
import { formatTable } from './table.ts';
import { usageError } from './usage-error.ts';
import type { Workplace } from './workplace.ts';

/** A change to what is demanded of OCI images. */
export interface PolicyWish {
  /** As typed: `HOST[:PORT][/NAME]`, or `oci:PATH`. */
  readonly place: string;
  readonly edit: 'accept' | 'reject' | 'remove' | undefined;
  /** Files and URLs of keys, for a wish without an edit. */
  readonly keys: readonly string[];
  readonly skipReview: boolean;
  readonly allowHttp: boolean;
}

/** Sets what is demanded of the images in a place. @returns the exit status */
export async function editPolicy(workplace: Workplace, wish: PolicyWish): Promise<number> {
  const { context } = workplace;
  const place = parsePolicyPlace(wish.place);
  const rule = await ruleOf(workplace, wish, place);
  const dirs = [context.systemConfigDir, context.localConfigDir];
  const { path, changed } = await setPolicyRule(dirs, place, rule);
  const what = rule === undefined ? 'what wider scopes demand' : ruleText(rule);
  context.log.info(
    `images of ${placeText(place)}: ${what}${changed ? '' : ', as before'}, says "${path}"`,
  );

  return 0;
}

/** What is demanded, as a table; the empty text where no policy says anything. */
export async function listPolicy({ context }: Workplace): Promise<string> {
  const policy = await openPolicy(policyDirs(context));
  const rows = [...policy.transports].flatMap(([transport, scopes]) =>
    [...scopes].map(([scope, requirements]) => [
      placeText({ transport, scope }),
      requirements.map(({ type }) => DEMANDS[type]).join(', '),
    ]),
  );
  const others = ['(all others)', policy.default.map(({ type }) => DEMANDS[type]).join(', ')];

  return rows.length === 0 && policy.default[0]?.type === 'reject'
    ? ''
    : formatTable([['IMAGES', 'DEMANDED'], ...rows, others]);
}

const DEMANDS = {
  reject: 'rejected',
  insecureAcceptAnything: 'nothing',
  signedBy: 'a simple signature',
  sigstoreSigned: 'a sigstore signature',
} as const;

const placeText = (place: PolicyPlace): string => flagText(place) || 'all registries';

const flagText = ({ transport, scope }: PolicyPlace): string =>
  transport === 'docker' ? scope : `${transport}:${scope}`;

function ruleText(rule: PolicyRule): string {
  switch (rule.type) {
    case 'reject':
      return 'rejected';
    case 'insecureAcceptAnything':
      return 'accepted unsigned';
    default:
      return `to be signed by ${rule.keys.length === 1 ? 'that key' : 'one of those keys'}`;
  }
}

async function ruleOf(
  workplace: Workplace,
  wish: PolicyWish,
  place: PolicyPlace,
): Promise<PolicyRule | undefined> {
  if (wish.edit !== undefined && wish.keys.length > 0) {
    throw usageError(`flag --${wish.edit} takes no keys`);
  }
  switch (wish.edit) {
    case 'remove':
      return undefined;
    case 'reject':
      return { type: 'reject' };
    case 'accept':
      workplace.context.log.warning(`images of ${placeText(place)} are taken unsigned from now on`);
      return { type: 'insecureAcceptAnything' };
    default:
      return await keyRule(workplace, wish, place);
  }
}

const PEM_KEY = /-----BEGIN (?:[A-Z]+ )?PUBLIC KEY-----/;

/** All keys are of one kind: a rule takes a signature by any of them. */
async function keyRule(
  workplace: Workplace,
  { keys: places, skipReview, allowHttp }: PolicyWish,
  place: PolicyPlace,
): Promise<PolicyRule> {
  if (places.length === 0) {
    throw usageError('flag --registry needs a key, or --accept, --reject or --remove');
  }
  const target: KeyTarget = {
    meaning: `images of ${placeText(place)}`,
    flag: `--registry=${flagText(place)}`,
  };
  const found = { signedBy: [] as Uint8Array[], sigstoreSigned: [] as Uint8Array[] };
  for await (const { source, data } of keyFiles(workplace, { scope: '', places, allowHttp })) {
    const isPem = PEM_KEY.test(Buffer.from(data).toString('latin1'));
    const keys = isPem ? [] : await readPublicKeys(data, { source });
    const fingerprint = isPem ? publicKeyFingerprint(data, `"${source}"`) : '';
    const reviewed = { ...target, source, keys: isPem ? [{ fingerprint }] : keys };
    if (!skipReview) await demandTrust(workplace, reviewed);
    if (isPem) found.sigstoreSigned.push(data);
    for (const { problem, armored } of keys) {
      if (problem !== undefined) throw problem;
      found.signedBy.push(Buffer.from(`${armored.trim()}\n`));
    }
  }
  const types = (['signedBy', 'sigstoreSigned'] as const).filter((type) => found[type].length > 0);
  const [type = 'signedBy', other] = types;
  if (other === undefined) return { type, keys: found[type] };

  throw usageError(
    'OpenPGP keys and keys of sigstore cannot be named together',
    'a policy that wants a signature of each is written by hand: containers-policy.json(5)',
  );
}
