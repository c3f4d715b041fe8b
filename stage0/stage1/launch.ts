import {
  defaultHostname,
  encodeRunArguments,
  INTERFACE_VERSION,
  LOCK_FD_VARIABLE,
  type RunArguments,
  socketActivation,
  stage1RootfsDir,
} from '#stage1';
import type { OperationContext } from '../operations/context.ts';
import type { InsecureOptions, RunOptions } from '../operations/requests.ts';
import type { LockedPod } from '../pod/locked-pod.ts';
import { becomeEntrypoint } from './become-entrypoint.ts';
import { callModule } from './call-module.ts';
import { configArguments } from './config-arguments.ts';
import { entrypointHost, findEntrypoint } from './entrypoint-call.ts';
import { type Flavor, promises } from './flavor.ts';
import { dnsConfMode, writeNames } from './names.ts';
import { enterPodMounts, mountPod } from './pod-mounts.ts';

/** A pod that is about to become this process. */
export interface Launch {
  readonly pod: LockedPod<'run'>;
  readonly flavor: Flavor;
  readonly stage1TreeRootfs: string;
  readonly apps: readonly string[];
  readonly lowersOf: (treeId: string) => readonly string[];
  readonly options: RunOptions;
  readonly insecure: InsecureOptions;
}

/**
 * Becomes the pod: a mount namespace of its own, its file systems, then the
 * `run` entrypoint, which replaces this process. The lock on the pod's
 * directory goes along, so that the pod lives as long as what holds it.
 * @returns only when it did not come to that: the exit status
 */
export async function launchPod(context: OperationContext, launch: Launch): Promise<number> {
  const { kernel, log } = context;
  const { pod, flavor } = launch;
  const stage1 = {
    flavor,
    treeRootfs: launch.stage1TreeRootfs,
    podRootfs: stage1RootfsDir(pod.dir),
  };
  const { argv, dropped } = encodeRunArguments(
    runArguments(context, launch),
    flavor.interfaceVersion,
  );
  if (dropped.length > 0) {
    log.warning(`stage1 "${flavor.name}" is too old to be told of ${dropped.join(', ')}`);
  }
  if (flavor.interfaceVersion > INTERFACE_VERSION) {
    log.warning(
      `stage1 "${flavor.name}" speaks version ${flavor.interfaceVersion} of the interface, this gantry versions up to ${INTERFACE_VERSION}: it is not told what is newer`,
    );
  }

  const callerMounts = enterPodMounts(kernel);
  process.chdir(pod.dir);
  mountPod(kernel, { podDir: pod.dir, apps: launch.apps, lowersOf: launch.lowersOf });
  writeNames(pod.dir, launch.options, hostnameOf(launch));

  const env = { [LOCK_FD_VARIABLE]: String(pod.lock.fd) };
  const call = { name: 'run', podDir: pod.dir, args: argv, env, callerMounts } as const;
  const found = findEntrypoint(context, stage1, 'run');
  if (found.kind === 'module') {
    const host = entrypointHost(context, found.path, call);
    return await callModule(found.entrypoint, { flavor, name: 'run', host });
  }

  const place = { flavor, name: 'run' } as const;
  return becomeEntrypoint(context, place, {
    path: found.path,
    argv: [found.path, ...argv],
    env: { ...context.env, ...env },
    keep: [...socketActivation(context.env).fds, pod.lock.fd],
  });
}

function runArguments(
  context: OperationContext,
  { pod, flavor, options, insecure }: Launch,
): RunArguments {
  return {
    ...configArguments(context),
    uuid: pod.uuid,
    net: networkOf(flavor, options),
    interactive: options.interactive,
    hostname: options.hostname,
    disableCapabilities: insecure.capabilities,
    disablePaths: insecure.paths,
    disableSeccomp: insecure.seccomp,
    dnsConfMode: dnsConfMode(options),
    mutable: false,
    ipc: 'auto',
  };
}

/** A flavor that isolates names the pod, as does every one that says nothing of itself. */
function hostnameOf({ pod, flavor, options }: Launch): string | undefined {
  return (
    options.hostname ?? (promises(flavor, 'isolation') ? defaultHostname(pod.uuid) : undefined)
  );
}

/** `host` wins over everything else, then `none`. Without --net a pod joins `default`, where its flavor can. */
function networkOf(flavor: Flavor, { net }: RunOptions): string {
  if (net === undefined) return promises(flavor, 'netns') ? 'default' : 'host';
  const special = ['host', 'none'].find((name) => net.includes(name));

  return special ?? net.join(',');
}
