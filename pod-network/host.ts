import { join } from 'node:path';
import type { Exec } from '#base/exec/exec';
import type { Fd, Kernel } from '#base/kernel/kernel';
import type { Log } from '#base/log/log';

/** The configuration directories; `net.d` in each holds networks, the later overriding the earlier. */
export interface ConfigDirs {
  /** The vendor's; unknown to a stage1 of an older contract. */
  readonly system?: string | undefined;
  readonly local: string;
  readonly user?: string | undefined;
}

/** What the network of a pod is made with, and where. */
export interface PodNetworkHost {
  readonly kernel: Kernel;
  readonly exec: Exec;
  readonly log: Log;
  readonly uuid: string;
  readonly podDir: string;
  /** The tree of the pod's stage1, as the host sees it: it brings networks of its own and may bring plugins. */
  readonly stage1Root: string;
  readonly config: ConfigDirs;
  /** The mount namespace in which plugins run and namespaces are pinned, open; this process's own when undefined. */
  readonly hostMounts?: Fd | undefined;
  /** How to start gantry, to have ended pods give back what they hold. */
  readonly gantry: readonly [string, ...string[]];
}

/** Where the network namespaces of pods are pinned: files with namespaces bound on them. */
const PINS_DIR = '/run/gantry/netns';

/** The pin of a pod's network namespace, in the host's mount namespace. */
export const pinPath = (uuid: string): string => join(PINS_DIR, uuid);

/** Where a stage1 has networks of its own; rkt's place. */
export const STAGE1_NETWORKS_DIR = '/etc/rkt/net.d';

/** Where plugins of stage1 and of the system may lie; the first two are rkt's, the others those of distributions. */
const STAGE1_PLUGINS_DIR = '/usr/lib/rkt/plugins/net';
const SYSTEM_PLUGIN_DIRS = ['/usr/lib/rkt/plugins/net', '/usr/lib/cni', '/opt/cni/bin'] as const;

/** Folders of network configurations, the one that overrides all others last. */
export function networkDirs({ stage1Root, config }: PodNetworkHost): readonly string[] {
  const { system, local, user } = config;
  const own = [system, local, user].flatMap((dir) => dir ?? []);

  return [join(stage1Root, STAGE1_NETWORKS_DIR), ...own.map((dir) => join(dir, 'net.d'))];
}

/**
 * Folders of plugins, the first that has one winning. One with a colon in its
 * path cannot be told to plugins, which get them as `CNI_PATH`, and is left out.
 */
export function pluginDirs({ stage1Root, config }: PodNetworkHost): readonly string[] {
  const { system, local, user } = config;
  const own = [user, local].flatMap((dir) => dir ?? []);

  return [
    ...own.map((dir) => join(dir, 'net.d')),
    ...(system === undefined ? [] : [join(system, 'plugins', 'net')]),
    ...SYSTEM_PLUGIN_DIRS.slice(0, 1),
    join(stage1Root, STAGE1_PLUGINS_DIR),
    ...SYSTEM_PLUGIN_DIRS.slice(1),
  ].filter((dir) => !dir.includes(':'));
}
