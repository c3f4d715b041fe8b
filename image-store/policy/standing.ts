import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { LocalReference, RegistryReference } from '../reference/index.ts';
import { readPolicy, readPolicyText } from './open-policy.ts';
import type { KeySource, Policy, Requirement } from './policy.ts';
import { matchPolicy } from './policy-scope.ts';

/** What a policy demanded of an image when it was accepted, so that a change is seen. */
export interface PolicyMark {
  /** SHA-256 of the policy file and of the key files that it names for the image. */
  readonly seen: string;
  /** Those key files. */
  readonly files: readonly string[];
  /** SHA-256 of what is demanded of the image, keys included. */
  readonly demanded: string;
}

/** Marks what a policy demands of an image. */
export function markPolicy(
  policy: Policy,
  text: string,
  image: RegistryReference | LocalReference,
): PolicyMark {
  const { requirements } = matchPolicy(policy, image);
  const files = requirements.flatMap(keyFilesOf);

  const keys = files.map((path) => readFileSync(path));

  return {
    seen: sha256([text, ...keys]),
    files,
    demanded: sha256([JSON.stringify(requirements), ...keys]),
  };
}

/**
 * Whether a policy still demands of an image what it did when that was accepted.
 * @throws GantryError POLICY_INVALID
 */
export async function isStillDemanded(
  configDirs: readonly string[],
  mark: PolicyMark,
  image: () => RegistryReference | LocalReference,
): Promise<boolean> {
  const found = readPolicyText(configDirs);
  if (found === undefined) return false;
  try {
    if (seenDigest(found.text, mark.files) === mark.seen) return true;
    // The file has changed, maybe of what does not concern this image.
    const policy = await readPolicy(found.text, found.path);
    return markPolicy(policy, found.text, image()).demanded === mark.demanded;
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'syscall' in error) return false;
    throw error;
  }
}

const seenDigest = (text: string, files: readonly string[]): string =>
  sha256([text, ...files.map((path) => readFileSync(path))]);

function keyFilesOf(requirement: Requirement): readonly string[] {
  if (requirement.type === 'signedBy') return requirement.keys.paths;
  if (requirement.type !== 'sigstoreSigned') return [];
  const sources = [
    requirement.keys,
    requirement.certified?.ca,
    requirement.certified?.between,
    requirement.rekorKeys,
  ];

  return sources
    .filter((source): source is KeySource => source !== undefined)
    .flatMap(({ paths }) => paths);
}

/** Of several pieces, none of which runs into the next. */
function sha256(pieces: readonly (string | Uint8Array)[]): string {
  const all = createHash('sha256');
  for (const piece of pieces) all.update(createHash('sha256').update(piece).digest());

  return all.digest('hex');
}
