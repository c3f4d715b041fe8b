import { readFileSync } from 'node:fs';
import { pidPath, ppidPath } from '#stage1';
import { readText } from './read-pod.ts';

/**
 * The number of the pod's first process, as the host counts: what stage1 wrote
 * itself, or the single child of the parent that it wrote.
 * @returns undefined before there is one, or when it has ended
 */
export function podPid(podDir: string): number | undefined {
  const pid = parsePid(readText(pidPath(podDir)));
  if (pid !== undefined) return pid;
  const parent = parsePid(readText(ppidPath(podDir)));

  return parent === undefined ? undefined : onlyChildOf(parent);
}

function onlyChildOf(parent: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8');
    const [first, ...others] = children.trim().split(' ').filter(Boolean);
    return others.length > 0 ? undefined : parsePid(first);
  } catch {
    return undefined;
  }
}

function parsePid(text: string | undefined): number | undefined {
  const digits = text?.trim() ?? '';

  return /^[1-9]\d{0,9}$/.test(digits) ? Number(digits) : undefined;
}
