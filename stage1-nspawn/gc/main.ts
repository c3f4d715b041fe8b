import type { Entrypoint } from '#stage1';
import { endPodCgroups } from '../cgroup/end-pod.ts';

/**
 * Gives back what the pod holds outside its namespaces: whatever still runs of
 * it is ended, its cgroups are removed. Once is enough, twice does no harm; the
 * lock on the pod's directory, which stage 0 holds, keeps two apart.
 */
export const entrypoint: Entrypoint = async ({ kernel, podDir }) => {
  endPodCgroups(kernel, podDir);

  return await Promise.resolve(0);
};
