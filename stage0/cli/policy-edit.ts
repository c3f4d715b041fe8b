import {
  identityText,
  openPolicy,
  parsePolicyPlace,
  type PolicyPlace,
  type PolicyRule,
  type Requirement,
  setPolicyRule,
} from '#image-store';
import { configDirs } from '../operations/library.ts';
import { refuseSigners, signedRule, type SignerWish } from './policy-signers.ts';
import { printable } from './printable.ts';
import { formatTable } from './table.ts';
import type { Workplace } from './workplace.ts';

/** A change to what is demanded of OCI images. */
export interface PolicyWish {
  /** As typed: `HOST[:PORT][/NAME]`, or `oci:PATH`. */
  readonly place: string;
  readonly edit: 'accept' | 'reject' | 'remove' | undefined;
  /** Who must sign, for a wish without an edit. */
  readonly signers: SignerWish;
}

/** Sets what is demanded of the images in a place. @returns the exit status */
export async function editPolicy(workplace: Workplace, wish: PolicyWish): Promise<number> {
  const { context } = workplace;
  const place = parsePolicyPlace(wish.place);
  const rule = await ruleOf(workplace, wish, place);
  const dirs = [context.systemConfigDir, context.localConfigDir];
  const { path, changed } = await setPolicyRule(dirs, place, rule);
  if (rule?.type === 'insecureAcceptAnything') {
    context.log.warning(`images of ${placeText(place)} are taken unsigned from now on`);
  }
  const what = rule === undefined ? 'what wider scopes demand' : ruleText(rule);
  context.log.info(
    `images of ${placeText(place)}: ${what}${changed ? '' : ', as before'}, says "${path}"`,
  );

  return 0;
}

/** What is demanded, as a table; the empty text where no policy says anything. */
export async function listPolicy({ context }: Workplace): Promise<string> {
  const policy = await openPolicy(configDirs(context));
  const rows = [...policy.transports].flatMap(([transport, scopes]) =>
    [...scopes].map(([scope, requirements]) => [
      placeText({ transport, scope }),
      demandText(requirements),
    ]),
  );
  const others = ['(all others)', demandText(policy.default)];

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

const demandText = (requirements: readonly Requirement[]): string =>
  requirements
    .map((each) =>
      each.type === 'sigstoreSigned' && each.certified !== undefined
        ? `${DEMANDS[each.type]} by ${printable(identityText(each.certified))}`
        : DEMANDS[each.type],
    )
    .join(', ');

const placeText = (place: PolicyPlace): string => flagText(place) || 'all registries';

const flagText = ({ transport, scope }: PolicyPlace): string =>
  transport === 'docker' ? scope : `${transport}:${scope}`;

function ruleText(rule: PolicyRule): string {
  switch (rule.type) {
    case 'reject':
      return 'rejected';
    case 'insecureAcceptAnything':
      return 'accepted unsigned';
    case 'fulcioSigned':
      return `to be signed by ${printable(rule.subjectEmail)}`;
    default:
      return `to be signed by ${rule.keys.length === 1 ? 'that key' : 'one of those keys'}`;
  }
}

async function ruleOf(
  workplace: Workplace,
  { edit, signers }: PolicyWish,
  place: PolicyPlace,
): Promise<PolicyRule | undefined> {
  if (edit !== undefined) refuseSigners(edit, signers);
  switch (edit) {
    case 'remove':
      return undefined;
    case 'reject':
      return { type: 'reject' };
    case 'accept':
      return { type: 'insecureAcceptAnything' };
    default:
      return await signedRule(workplace, signers, {
        meaning: `images of ${placeText(place)}`,
        flag: `--registry=${flagText(place)}`,
      });
  }
}
