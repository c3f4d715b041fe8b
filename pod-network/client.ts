import { join } from 'node:path';
import type { Exec } from '#base/exec/exec';
import { insideMounts } from '#base/kernel/inside-mounts';
import { type Cni, openCni } from '#cni';
import { dataDirOf } from '#stage1';
import { type PodNetworkHost, pluginDirs } from './host.ts';

/** The CNI client of the data directory that the pod lies in. Nothing is read yet. */
export function openClient(host: PodNetworkHost): Cni {
  return openCni({
    pluginDirs: pluginDirs(host),
    stateDir: join(dataDirOf(host.podDir), 'cni'),
    exec: hostExec(host),
    kernel: host.kernel,
    log: host.log,
  });
}

/** Starts programs where the host's mounts are, whatever namespace this thread is in. */
export function hostExec(host: Pick<PodNetworkHost, 'kernel' | 'exec' | 'hostMounts'>): Exec {
  const { exec, kernel, hostMounts } = host;

  // Programs are started before these calls come back; only their end is waited for elsewhere.
  return {
    run: (request) => insideMounts(kernel, hostMounts, () => exec.run(request)),
    runSync: (request) => insideMounts(kernel, hostMounts, () => exec.runSync(request)),
    stream: (request) => insideMounts(kernel, hostMounts, () => exec.stream(request)),
  };
}
