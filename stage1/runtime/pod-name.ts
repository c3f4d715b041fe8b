import { readSmallFile } from '#base/fs/small-file';
import { type AcName, isAcName } from '#schema/types/names';
import { podNamePath } from '../layout/pod-paths.ts';

/** More than the longest name takes. */
const NAME_BYTES = 1024;

/**
 * The name that a pod was given, if any.
 * @throws GantryError FILE_UNREADABLE where something else is in place of the file
 */
export function readPodName(podDir: string): AcName | undefined {
  const text = readSmallFile(podNamePath(podDir), NAME_BYTES);

  return text !== undefined && isAcName(text) ? text : undefined;
}
