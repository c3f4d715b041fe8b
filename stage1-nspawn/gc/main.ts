import { existsSync } from 'node:fs';
import { writeFileAtomic } from '#base/fs/atomic';
import { lockPath } from '#base/lock/directory-lock';
import { type Entrypoint, podManifestPath, releasedPath } from '#stage1';
import { endPodCgroups } from '../cgroup/end-pod.ts';

/**
 * Gives back what the pod holds outside its namespaces: whatever still runs of
 * it is ended, its cgroups are removed. Once is enough, twice does no harm; two
 * at a time wait for each other.
 */
export const entrypoint: Entrypoint = async ({ kernel, podDir }) => {
  using _lock = lockPath(kernel, podManifestPath(podDir), 'exclusive');
  endPodCgroups(kernel, podDir);
  const record = releasedPath(podDir);
  if (!existsSync(record)) writeFileAtomic(record, `${JSON.stringify({ version: 1 })}\n`);

  return await Promise.resolve(0);
};
