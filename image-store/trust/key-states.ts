import { isGantryError } from '#base/errors/gantry-error';
import { loadTrustedKey } from './key-file.ts';
import { demandSigner } from './key-judgement.ts';
import { listEntries } from './keyring.ts';
import type { KeyEntry, KeyState, ListedKey, TrustRefusal, TrustRoots } from './trust-types.ts';

/** What the refusals of a key are called in a list. */
const STATES: Readonly<Partial<Record<TrustRefusal, KeyState>>> = {
  KEY_EXPIRED: 'expired',
  KEY_REVOKED: 'revoked',
  KEY_NOT_YET_VALID: 'not yet valid',
  KEY_WEAK: 'weak',
  KEY_UNUSABLE: 'unusable',
  KEY_FILE_INVALID: 'unusable',
};

/** Every key file and mask of the host, each with what a signature by its key would meet now. */
export async function listStates(roots: TrustRoots, now: number): Promise<readonly ListedKey[]> {
  const listed: ListedKey[] = [];
  for (const entry of listEntries(roots)) {
    listed.push({ ...entry, state: await stateOf(entry, now) });
  }

  return listed;
}

async function stateOf(entry: KeyEntry, now: number): Promise<KeyState> {
  if (entry.kind === 'mask') return 'mask';
  if (entry.replacedBy !== undefined) return 'replaced';
  if (entry.maskedBy !== undefined) return 'masked';

  try {
    await demandSigner(await loadTrustedKey(entry), now);
    return 'trusted';
  } catch (error) {
    const state = isGantryError<TrustRefusal>(error) ? STATES[error.code] : undefined;
    if (state === undefined) throw error;
    return state;
  }
}
