import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import type { AppMount } from './app-mounts.ts';

const DEFAULT_MODE = '0755';

/** Makes the folder of an empty volume, unless another app of the pod already has it. */
export function ensureEmptyVolume({ source, create }: AppMount): void {
  if (create === undefined) return;

  mkdirSync(dirname(source), { recursive: true });
  try {
    mkdirSync(source, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    throw error;
  }
  const { mode = DEFAULT_MODE, uid = 0, gid = 0 } = create;
  chownSync(source, uid, gid);
  chmodSync(source, Number.parseInt(mode, 8));
}
