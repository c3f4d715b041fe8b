import { readFileSync } from 'node:fs';
import { pidPath, ppidPath, readPodPid } from '#stage1';

/**
 * The number of the pod's first process, as the host counts: what stage1 wrote
 * itself, or the single child of the parent that it wrote.
 * @returns undefined before there is one, or when it has ended
 * @throws GantryError FILE_UNREADABLE where something else is in place of the file
 */
export function podPid(podDir: string): number | undefined {
  const pid = readPodPid(pidPath(podDir));
  if (pid !== undefined) return pid;
  const parent = readPodPid(ppidPath(podDir));

  return parent === undefined ? undefined : onlyChildOf(parent);
}

function onlyChildOf(parent: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8');
    const [first, ...others] = children.trim().split(' ').filter(Boolean);
    return first === undefined || others.length > 0 ? undefined : Number(first);
  } catch {
    return undefined;
  }
}
