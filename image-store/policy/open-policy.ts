import { join } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { readNamedFile } from '#base/fs/named-file';
import { parsePolicy } from './parse-policy.ts';
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
export function openPolicy(configDirs: readonly string[]): Policy {
  const paths = configDirs.map(policyPath).reverse();
  for (const path of paths) {
    const text = readPolicy(path);
    if (text !== undefined) return parsePolicy(text, path);
  }

  return { path: paths[0] ?? '', default: [{ type: 'reject' }], transports: new Map() };
}

function readPolicy(path: string): string | undefined {
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
