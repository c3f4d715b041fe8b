import * as v from 'valibot';
import { GantryError } from '#base/errors/gantry-error';
import { lineOfDuplicate, lineOfFault, lineOfPath } from './json-lines.ts';
import type { KeySource, Policy, Requirement, SignedIdentity } from './policy.ts';
import { scopeProblem } from './policy-scope.ts';

/**
 * Reads a policy file, strictly: what is not known, doubled or not as it must be
 * makes the whole file count for nothing.
 * @throws GantryError POLICY_INVALID, which names the line
 */
export function parsePolicy(text: string, path: string): Policy {
  const value = parseJson(text, path);
  const result = v.safeParse(policyFile, value, { abortPipeEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    const keys = (issue.path ?? []).map(({ key }) => key as string | number);
    const place = { path, line: lineOfPath(text, keys) };
    throw invalidPolicy(place, `${pathText(keys)}${stateOf(issue)}`);
  }

  const transports = new Map<string, ReadonlyMap<string, readonly Requirement[]>>();
  for (const [transport, scopes] of Object.entries(result.output.transports)) {
    for (const scope of Object.keys(scopes)) {
      const problem = scopeProblem(transport, scope);
      if (problem === undefined) continue;
      const keys = ['transports', transport, scope];
      throw invalidPolicy({ path, line: lineOfPath(text, keys) }, `${pathText(keys)}${problem}`);
    }
    transports.set(transport, new Map(Object.entries(scopes)));
  }

  return { path, default: result.output.default, transports };
}

/** The library has no words of ours for names of an object. */
function stateOf({ type, expected, message }: v.BaseIssue<unknown>): string {
  if (type !== 'strict_object' || expected === 'Object') return message;

  return expected === 'never' ? 'is not known' : 'must be there';
}

function parseJson(text: string, path: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalidPolicy({ path, line: lineOfFault(text) }, 'it is not JSON', cause);
  }
  const doubled = lineOfDuplicate(text);
  if (doubled !== undefined) throw invalidPolicy({ path, line: doubled }, 'a name stands twice');

  return value;
}

interface Place {
  readonly path: string;
  /** Undefined when it cannot be told. */
  readonly line: number | undefined;
}

function invalidPolicy({ path, line }: Place, state: string, cause?: unknown): GantryError {
  const place = line === undefined ? `"${path}"` : `"${path}", line ${line}`;

  return new GantryError('POLICY_INVALID', `cannot use the policy in ${place}: ${state}`, {
    cause,
    hint: 'no image is accepted until it is mended; see containers-policy.json(5)',
  });
}

const pathText = (keys: readonly (string | number)[]): string =>
  keys.length === 0 ? '' : `${keys.map((key) => JSON.stringify(key)).join('.')}: `;

const text = v.pipe(v.string('must be text'), v.nonEmpty('must not be empty'));
const path = v.pipe(text, v.startsWith('/', 'must be an absolute path'));
const paths = v.pipe(v.array(path), v.minLength(1, 'must name a file'));
const base64 = v.pipe(
  text,
  v.base64('must be base64'),
  v.transform((given): Uint8Array => Buffer.from(given, 'base64')),
);
const datas = v.pipe(v.array(base64), v.minLength(1, 'must hold a key'));

const signedIdentity: v.GenericSchema<unknown, SignedIdentity> = v.variant(
  'type',
  [
    v.strictObject({
      type: v.picklist(['matchExact', 'matchRepoDigestOrExact', 'matchRepository']),
    }),
    v.strictObject({ type: v.literal('exactReference'), dockerReference: text }),
    v.strictObject({ type: v.literal('exactRepository'), dockerRepository: text }),
    v.strictObject({ type: v.literal('remapIdentity'), prefix: text, signedPrefix: text }),
  ],
  'must be one of the identities that are known',
);
const identity = v.optional(signedIdentity, { type: 'matchRepoDigestOrExact' });

const signedBy = v.pipe(
  v.strictObject({
    type: v.literal('signedBy'),
    keyType: v.literal('GPGKeys', 'must be "GPGKeys"'),
    keyPath: v.optional(path),
    keyPaths: v.optional(paths),
    keyData: v.optional(base64),
    signedIdentity: identity,
  }),
  v.check(
    ({ keyPath, keyPaths, keyData }) => count(keyPath, keyPaths, keyData) === 1,
    'must have exactly one of "keyPath", "keyPaths" and "keyData"',
  ),
  v.transform(({ type, keyPath, keyPaths, keyData, signedIdentity: id }) => ({
    type,
    keys: keySource([keyPath, ...(keyPaths ?? [])], [keyData]),
    identity: id,
  })),
);

const fulcio = v.pipe(
  v.strictObject({
    caPath: v.optional(path),
    caData: v.optional(base64),
    oidcIssuer: text,
    subjectEmail: text,
  }),
  v.check(
    ({ caPath, caData }) => count(caPath, caData) === 1,
    'must have exactly one of "caPath" and "caData"',
  ),
  v.transform(({ caPath, caData, ...who }) => ({ ca: keySource([caPath], [caData]), ...who })),
);

const pki = v.pipe(
  v.strictObject({
    caRootsPath: v.optional(path),
    caRootsData: v.optional(base64),
    caIntermediatesPath: v.optional(path),
    caIntermediatesData: v.optional(base64),
    subjectEmail: v.optional(text),
    subjectHostname: v.optional(text),
  }),
  v.check(
    ({ caRootsPath, caRootsData }) => count(caRootsPath, caRootsData) === 1,
    'must have exactly one of "caRootsPath" and "caRootsData"',
  ),
  v.check(
    ({ caIntermediatesPath, caIntermediatesData }) =>
      count(caIntermediatesPath, caIntermediatesData) <= 1,
    'must have at most one of "caIntermediatesPath" and "caIntermediatesData"',
  ),
  v.check(
    ({ subjectEmail, subjectHostname }) => count(subjectEmail, subjectHostname) > 0,
    'must have a "subjectEmail" or a "subjectHostname"',
  ),
  v.transform(({ subjectEmail, subjectHostname, ...given }) => ({
    ca: keySource([given.caRootsPath], [given.caRootsData]),
    between: keySource([given.caIntermediatesPath], [given.caIntermediatesData]),
    subjectEmail,
    subjectHostname,
  })),
);

const sigstoreSigned = v.pipe(
  v.strictObject({
    type: v.literal('sigstoreSigned'),
    keyPath: v.optional(path),
    keyPaths: v.optional(paths),
    keyData: v.optional(base64),
    keyDatas: v.optional(datas),
    fulcio: v.optional(fulcio),
    pki: v.optional(pki),
    rekorPublicKeyPath: v.optional(path),
    rekorPublicKeyPaths: v.optional(paths),
    rekorPublicKeyData: v.optional(base64),
    rekorPublicKeyDatas: v.optional(datas),
    signedIdentity: identity,
  }),
  v.check(
    (given) => keyCount(given) + count(given.fulcio, given.pki) === 1,
    'must have exactly one of "keyPath", "keyPaths", "keyData", "keyDatas", "fulcio" and "pki"',
  ),
  v.check(
    (given) => rekorCount(given) <= 1,
    'must have at most one of "rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData" and "rekorPublicKeyDatas"',
  ),
  v.check(
    (given) => given.fulcio === undefined || rekorCount(given) === 1,
    'must have a "rekorPublicKeyPath" or "rekorPublicKeyData": only a log proves that a certificate was valid',
  ),
  v.check(
    (given) => given.pki === undefined || rekorCount(given) === 0,
    'must have no key of a log beside "pki"',
  ),
  v.transform((given) => ({
    type: given.type,
    keys:
      keyCount(given) === 0
        ? undefined
        : keySource(
            [given.keyPath, ...(given.keyPaths ?? [])],
            [given.keyData, ...(given.keyDatas ?? [])],
          ),
    certified: given.fulcio ?? given.pki,
    rekorKeys:
      rekorCount(given) === 0
        ? undefined
        : keySource(
            [given.rekorPublicKeyPath, ...(given.rekorPublicKeyPaths ?? [])],
            [given.rekorPublicKeyData, ...(given.rekorPublicKeyDatas ?? [])],
          ),
    identity: given.signedIdentity,
  })),
);

const requirement: v.GenericSchema<unknown, Requirement> = v.variant(
  'type',
  [
    v.strictObject({ type: v.literal('reject') }),
    v.strictObject({ type: v.literal('insecureAcceptAnything') }),
    signedBy,
    sigstoreSigned,
  ],
  'must be one of the requirements that are known',
);
const requirements = v.pipe(v.array(requirement), v.minLength(1, 'must hold a requirement'));

const policyFile = v.strictObject({
  default: requirements,
  transports: v.optional(v.record(v.string(), v.record(v.string(), requirements)), {}),
});

interface KeyFields {
  readonly keyPath?: unknown;
  readonly keyPaths?: unknown;
  readonly keyData?: unknown;
  readonly keyDatas?: unknown;
}

interface RekorFields {
  readonly rekorPublicKeyPath?: unknown;
  readonly rekorPublicKeyPaths?: unknown;
  readonly rekorPublicKeyData?: unknown;
  readonly rekorPublicKeyDatas?: unknown;
}

const keyCount = (given: KeyFields): number =>
  count(given.keyPath, given.keyPaths, given.keyData, given.keyDatas);
const rekorCount = (given: RekorFields): number =>
  count(
    given.rekorPublicKeyPath,
    given.rekorPublicKeyPaths,
    given.rekorPublicKeyData,
    given.rekorPublicKeyDatas,
  );

const count = (...given: readonly unknown[]): number =>
  given.filter((each) => each !== undefined).length;

const keySource = (
  files: readonly (string | undefined)[],
  data: readonly (Uint8Array | undefined)[],
): KeySource => ({
  paths: files.filter((each) => each !== undefined),
  data: data.filter((each) => each !== undefined),
});
