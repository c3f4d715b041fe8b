import { existsSync } from 'node:fs';
import { type Entrypoint, netnsPath, parseGcArguments } from '#stage1';
import { endPodCgroups } from '../cgroup/end-pod.ts';
import { networkHost } from '../network/network-host.ts';
import { forgetMachine } from './forget-machine.ts';

/**
 * Gives back what the pod holds outside its namespaces: whatever still runs of
 * it is ended, its cgroups are removed, its networks are left, machined forgets
 * it. Once is enough, twice does no harm; the lock on the pod's directory, which
 * stage 0 holds, keeps two apart.
 */
export const entrypoint: Entrypoint = async (host) => {
  const { kernel, podDir, argv, log } = host;
  const args = parseGcArguments(argv.slice(1));
  endPodCgroups(kernel, podDir);
  await forgetMachine(host, args.uuid);
  if (!existsSync(netnsPath(podDir))) return 0;

  const { releaseNetwork } = await import('#pod-network');
  const { force } = args;
  const left = await releaseNetwork(networkHost(host, args), { force });
  for (const { message } of left) log.warning(message);

  return left.length === 0 || force === true ? 0 : 1;
};
