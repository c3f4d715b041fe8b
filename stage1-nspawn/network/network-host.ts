import { join } from 'node:path';
import type { PodNetworkHost } from '#pod-network';
import type { EntrypointHost, GcArguments } from '#stage1';

/** From an entrypoint (`/usr/lib/gantry/NAME.cjs`) to the root that it lies in. */
const TO_ROOT = '../../../..';

/** What the network of a pod is made with, for an entrypoint of this flavor. */
export function networkHost(host: EntrypointHost, args: GcArguments): PodNetworkHost {
  const { kernel, exec, log, podDir, callerMounts, gantry, argv } = host;
  const { uuid, systemConfig, localConfig, userConfig } = args;

  return {
    kernel,
    exec,
    log,
    uuid,
    podDir,
    stage1Root: join(argv[0] ?? '/', TO_ROOT),
    config: { system: systemConfig, local: localConfig, user: userConfig },
    hostMounts: callerMounts,
    gantry,
  };
}
