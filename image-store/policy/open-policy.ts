import { join } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { readNamedFile } from '#base/fs/named-file';
import type { Policy } from './policy.ts';

/** More than any policy takes. */
const MAX_BYTES = 4 * 1024 * 1024;

export const policyPath = (configDir: string): string => join(configDir, 'policy.json');

/**
 * The policy of this machine: of the folders of configuration the last that has
 * one. Where there is none, every image is rejected.
 * @param configDirs from the system's to the administrator's
 * @throws GantryError POLICY_INVALID
 */
export async function openPolicy(configDirs: readonly string[]): Promise<Policy> {
  return await policyOf(readPolicyText(configDirs), configDirs);
}

/** As `openPolicy`, of a text that has been read already. */
export async function policyOf(
  found: PolicyText | undefined,
  configDirs: readonly string[],
): Promise<Policy> {
  if (found !== undefined) return await readPolicy(found.text, found.path);

  return {
    path: policyPath(configDirs.at(-1) ?? ''),
    default: [{ type: 'reject' }],
    transports: new Map(),
  };
}

export interface PolicyText {
  readonly path: string;
  readonly text: string;
}

/** The text of the policy that counts, and where it is; undefined when there is none. */
export function readPolicyText(configDirs: readonly string[]): PolicyText | undefined {
  for (const path of configDirs.map(policyPath).reverse()) {
    const text = textOf(path);
    if (text !== undefined) return { path, text };
  }

  return undefined;
}

/** As `parsePolicy`, whose library of places in a text is loaded when it is needed first. */
export async function readPolicy(text: string, path: string): Promise<Policy> {
  const { parsePolicy } = await import('./parse-policy.ts');

  return parsePolicy(text, path);
}

function textOf(path: string): string | undefined {
  try {
    return readNamedFile(path, MAX_BYTES).toString('utf8');
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    throw new GantryError(
      'POLICY_INVALID',
      `cannot use the policy in "${path}": ${fileState(cause)}`,
      { cause, hint: 'no image is accepted until it is mended' },
    );
  }
}
