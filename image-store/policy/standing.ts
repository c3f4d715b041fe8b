import { readFileSync } from 'node:fs';
import { mostlyShortSha256 } from '#base/hash/short-hash';
import type { LocalReference, RegistryReference } from '../reference/index.ts';
import { type PolicyText, readPolicy, readPolicyText } from './open-policy.ts';

// On the way of every run of an OCI image: what only a changed policy needs is
// loaded when there is one.

/** What a policy demanded of an image when it was accepted, so that a change is seen. */
export interface PolicyMark {
  /** SHA-256 of the policy file and of the key files that it names for the image. */
  readonly seen: string;
  /** Those key files. */
  readonly files: readonly string[];
  /** SHA-256 of what is demanded of the image, keys included. */
  readonly demanded: string;
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
  return await holdsByText(
    configDirs,
    async (found) =>
      seenDigest(found.text, mark.files) === mark.seen ||
      // The file has changed, maybe of what does not concern this image.
      (await demandsTheSame(found, mark, image())),
  );
}

/**
 * Whether a policy demands of an image by one name what it did of the same
 * image by another name, when it was accepted.
 * @throws GantryError POLICY_INVALID
 */
export async function isDemandedAs(
  configDirs: readonly string[],
  mark: PolicyMark,
  image: RegistryReference,
): Promise<boolean> {
  return await holdsByText(configDirs, async (found) => await demandsTheSame(found, mark, image));
}

/** Nothing does where there is no policy, or a key file is gone. */
async function holdsByText(
  configDirs: readonly string[],
  holds: (found: PolicyText) => Promise<boolean>,
): Promise<boolean> {
  const found = readPolicyText(configDirs);
  if (found === undefined) return false;
  try {
    return await holds(found);
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'syscall' in error) return false;
    throw error;
  }
}

async function demandsTheSame(
  { text, path }: PolicyText,
  mark: PolicyMark,
  image: RegistryReference | LocalReference,
): Promise<boolean> {
  const policy = await readPolicy(text, path);
  const { markPolicy } = await import('./mark-policy.ts');

  return markPolicy(policy, text, image).demanded === mark.demanded;
}

const seenDigest = (text: string, files: readonly string[]): string =>
  digestOfPieces([text, ...files.map((path) => readFileSync(path))]);

/** SHA-256 of several pieces, none of which runs into the next; hexadecimal. */
export function digestOfPieces(pieces: readonly (string | Uint8Array)[]): string {
  const all = Buffer.concat(pieces.map(mostlyShortSha256));

  return Buffer.from(mostlyShortSha256(all)).toString('hex');
}
