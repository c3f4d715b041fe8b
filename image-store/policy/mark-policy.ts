import { readFileSync } from 'node:fs';
import type { LocalReference, RegistryReference } from '../reference/index.ts';
import type { KeySource, Policy, Requirement } from './policy.ts';
import { matchPolicy } from './policy-scope.ts';
import { digestOfPieces, type PolicyMark } from './standing.ts';

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
    seen: digestOfPieces([text, ...keys]),
    files,
    demanded: digestOfPieces([JSON.stringify(requirements), ...keys]),
  };
}

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
