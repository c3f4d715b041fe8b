import { existsSync, writeFileSync } from 'node:fs';
import { errorMessage, isGantryError } from '#base/errors/gantry-error';
import { MS } from '#base/kernel/kernel';
import {
  appHostsPath,
  appRootfsDir,
  ensureMountTarget,
  type EntrypointHost,
  formatResolvConf,
  type RunArguments,
  resolvConfPath,
} from '#stage1';
import type { PodConnection } from './connect.ts';

/** A pod whose apps have everything but what its networks have to say. */
export interface NamesRequest {
  readonly args: RunArguments;
  readonly apps: readonly string[];
  readonly connection: PodConnection;
}

/**
 * Lets the pod's apps find others, and be found: its addresses and those of its
 * neighbours go into the hosts files, the name servers of its networks into
 * resolv.conf, unless others were asked for.
 */
export async function settleNames(host: EntrypointHost, request: NamesRequest): Promise<void> {
  const { network } = request.connection;
  if (network === undefined) return;

  const { announcePod } = await import('#pod-network');
  const hostsFiles = request.apps.map((app) => appHostsPath(host.podDir, app));
  announcePod(host.kernel, {
    ...network.announcement,
    hostsFiles: hostsFiles.filter((path) => existsSync(path)),
  });
  if (network.dns !== undefined && request.args.dnsConfMode.resolv === 'default') {
    showNameServers(host, request.apps, network.dns);
  }
}

type Dns = NonNullable<NonNullable<PodConnection['network']>['dns']>;

/** Over a volume at the place, as in rkt. */
function showNameServers(
  { kernel, log, podDir }: EntrypointHost,
  apps: readonly string[],
  { nameservers, search, options, domain }: Dns,
): void {
  const source = resolvConfPath(podDir);
  writeFileSync(source, formatResolvConf({ servers: nameservers, search, options, domain }));
  for (const app of apps) {
    try {
      const place = {
        root: appRootfsDir(podDir, app),
        target: '/etc/resolv.conf',
        directory: false,
      };
      kernel.mount({ source, target: ensureMountTarget(place), flags: MS.BIND });
    } catch (error) {
      if (!isGantryError(error, 'MOUNT_TARGET_UNUSABLE')) throw error;
      log.warning(
        `app "${app}" does not see the name servers of its network: ${errorMessage(error)}`,
      );
    }
  }
}
