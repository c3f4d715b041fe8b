import { writeFileAtomic } from '#base/fs/atomic';
import { makeDirs } from '#base/fs/make-dirs';
import { dirname } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { obstacleOf } from '#base/errors/obstacle';
import { policyPath, readPolicy, readPolicyText } from './open-policy.ts';
import { scopeProblem } from './policy-scope.ts';

/** A part of a policy: a transport, and a scope in it. */
export interface PolicyPlace {
  readonly transport: string;
  readonly scope: string;
}

/** What is to be demanded of images: nothing, the impossible, or a signature by somebody. */
export type PolicyRule = { readonly type: 'insecureAcceptAnything' | 'reject' } | SignedRule;

/** By one of some keys, or whom an authority certifies; what is in files goes into the policy. */
export type SignedRule =
  | { readonly type: 'signedBy'; readonly keys: readonly Uint8Array[] }
  | {
      readonly type: 'sigstoreSigned';
      readonly keys: readonly Uint8Array[];
      /** Of logs, one of which must have the signature; none for none. */
      readonly rekorKeys: readonly Uint8Array[];
    }
  | {
      readonly type: 'fulcioSigned';
      /** PEM. */
      readonly ca: Uint8Array;
      readonly oidcIssuer: string;
      readonly subjectEmail: string;
      readonly rekorKeys: readonly Uint8Array[];
    };

const DIR_MODE = 0o755;
const FILE_MODE = 0o644;
/** Other transports that policies know; a scope without one is of registries. */
const TRANSPORT = /^(oci|oci-archive|docker-archive):(.*)$/s;

/**
 * Reads a part of a policy as people write it: `HOST[:PORT][/NAME]`, or `oci:PATH`.
 * @throws GantryError POLICY_SCOPE_INVALID
 */
export function parsePolicyPlace(text: string): PolicyPlace {
  const [, transport = 'docker', scope = text] = TRANSPORT.exec(text) ?? [];
  const problem =
    transport === 'docker' && scope === '' ? 'is empty' : scopeProblem(transport, scope);
  if (problem === undefined) return { transport, scope };

  throw new GantryError('POLICY_SCOPE_INVALID', `cannot read "${text}": it ${problem}`);
}

/**
 * Sets what is demanded of the images in a scope, or with undefined leaves it to
 * the wider scopes, in the policy of the local folder; what that did not have is
 * taken from the policy that counted before.
 * @param configDirs from the system's to the administrator's, which is written
 * @returns the file, and whether anything has changed in it
 * @throws GantryError POLICY_INVALID, TRUST_NO_PERMISSION
 */
export async function setPolicyRule(
  configDirs: readonly string[],
  { transport, scope }: PolicyPlace,
  rule: PolicyRule | undefined,
): Promise<{ readonly path: string; readonly changed: boolean }> {
  const path = policyPath(configDirs.at(-1) ?? '');
  const before = readPolicyText(configDirs);
  // Nothing is made of a policy that is broken.
  if (before !== undefined) await readPolicy(before.text, before.path);
  const policy = JSON.parse(before?.text ?? EMPTY) as PolicyDocument;
  const scopes = new Map(Object.entries(policy.transports?.[transport] ?? {}));
  if (rule === undefined) scopes.delete(scope);
  else scopes.set(scope, [requirementOf(rule)]);
  const transports = new Map(Object.entries(policy.transports ?? {}));
  if (scopes.size === 0) transports.delete(transport);
  else transports.set(transport, Object.fromEntries(scopes));

  const text = `${JSON.stringify({ ...policy, transports: Object.fromEntries(transports) }, null, 2)}\n`;
  await readPolicy(text, path);
  if (before?.path === path && before.text === text) return { path, changed: false };
  write(path, text);

  return { path, changed: true };
}

interface PolicyDocument {
  readonly transports?: Readonly<Record<string, Readonly<Record<string, readonly object[]>>>>;
}

const EMPTY = '{"default":[{"type":"reject"}]}';

function requirementOf(rule: PolicyRule): object {
  switch (rule.type) {
    case 'signedBy':
      return {
        type: rule.type,
        keyType: 'GPGKeys',
        keyData: Buffer.concat([...rule.keys]).toString('base64'),
      };
    case 'sigstoreSigned':
      return {
        type: rule.type,
        ...keyFields('keyData', rule.keys),
        ...keyFields('rekorPublicKeyData', rule.rekorKeys),
        ...COSIGN_IDENTITY,
      };
    case 'fulcioSigned': {
      const { oidcIssuer, subjectEmail } = rule;
      return {
        type: 'sigstoreSigned',
        fulcio: { caData: base64(rule.ca), oidcIssuer, subjectEmail },
        ...keyFields('rekorPublicKeyData', rule.rekorKeys),
        ...COSIGN_IDENTITY,
      };
    }
    default:
      return { type: rule.type };
  }
}

/** What cosign signs has no tag, or no name at all. */
const COSIGN_IDENTITY = { signedIdentity: { type: 'matchRepository' } };

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** One key in the words that older readers of policies know too. */
function keyFields(name: string, keys: readonly Uint8Array[]): Readonly<Record<string, unknown>> {
  const [only, ...others] = keys.map(base64);
  if (only === undefined) return {};

  return others.length === 0 ? { [name]: only } : { [`${name}s`]: [only, ...others] };
}

function write(path: string, text: string): void {
  try {
    makeDirs(dirname(path), DIR_MODE);
    writeFileAtomic(path, text, { mode: FILE_MODE });
  } catch (cause) {
    const obstacle = obstacleOf(cause);
    if (obstacle === undefined) throw cause;
    throw new GantryError('TRUST_NO_PERMISSION', `cannot write "${path}": ${obstacle.state}`, {
      cause,
      hint: obstacle.hint,
    });
  }
}
