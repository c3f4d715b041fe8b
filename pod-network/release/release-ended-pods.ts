import { describeEnd } from '#base/exec/exec-result';
import { hostExec } from '../client.ts';
import type { PodNetworkHost } from '../host.ts';

/** The command of gantry that has every pod that ended give back what it held. */
const COMMAND = ['pod-release', '--ended'] as const;
/** Some hundred pods may have to be released. */
const TIME_LIMIT_MS = 300_000;

/**
 * Waits until every pod that has ended has given back what it held.
 * @param gantry how to start it: whose pods are meant
 * @returns the UUIDs of those that have done so just now
 */
export async function releaseEndedPods(
  host: PodNetworkHost,
  gantry: readonly [string, ...string[]] = host.gantry,
): Promise<readonly string[]> {
  const result = await hostExec(host).run({
    argv: [...gantry, ...COMMAND],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    cwd: '/',
    timeoutMs: TIME_LIMIT_MS,
  });
  if (result.exitCode !== 0) {
    host.log.warning(`cannot release the pods that have ended: gantry ${describeEnd(result)}`);
  }

  return result.stdout.toString().split('\n').filter(Boolean);
}
