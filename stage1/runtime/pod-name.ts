import { readFileSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import { type AcName, isAcName } from '#schema/types/names';
import { podNamePath } from '../layout/pod-paths.ts';

/** The name that a pod was given, if any. */
export function readPodName(podDir: string): AcName | undefined {
  let text: string;
  try {
    text = readFileSync(podNamePath(podDir), 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }

  return isAcName(text) ? text : undefined;
}
