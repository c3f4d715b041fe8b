import { describeEnd } from '#base/exec/exec-result';
import { hostExec } from '../client.ts';
import type { PodNetworkHost } from '../host.ts';

/** The command of gantry that has pods that ended give back what they held. */
const COMMAND = ['pod-release', '--ended'] as const;
/** Some hundred pods may have to be released. */
const TIME_LIMIT_MS = 300_000;

/** Which pods are to give back what they held, if they have ended. */
export interface WantedRelease {
  readonly uuids: readonly string[];
  /** How to start the gantry whose pods they are. */
  readonly gantry: readonly [string, ...string[]];
}

/**
 * Waits until those of some pods that have ended have given back what they held.
 * Not all: one whose plugin hangs is not to be waited for by who wants nothing of it.
 * @returns the UUIDs of those that have done so just now
 */
export async function releaseEndedPods(
  host: PodNetworkHost,
  { uuids, gantry }: WantedRelease,
): Promise<readonly string[]> {
  if (uuids.length === 0) return [];
  const result = await hostExec(host).run({
    argv: [...gantry, ...COMMAND, ...uuids],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    cwd: '/',
    timeoutMs: TIME_LIMIT_MS,
  });
  if (result.exitCode !== 0) {
    host.log.warning(`cannot release the pods that have ended: gantry ${describeEnd(result)}`);
  }

  return result.stdout.toString().split('\n').filter(Boolean);
}
