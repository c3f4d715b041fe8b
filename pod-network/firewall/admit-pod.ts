import type { ExecResult } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/exec-result';
import { hostExec } from '../client.ts';
import type { PodNetworkHost } from '../host.ts';
import { IPTABLES, type IptablesFamily, NETWORK_ENV, TIME_LIMIT_MS } from './iptables.ts';

// The chains of CNI's own plugin `firewall`, and its rules there, so that what an
// administrator says in CNI-ADMIN holds here too. The plugin itself does not do:
// it lets no new connection in, forwarded ports included.
const FORWARD_CHAIN = 'CNI-FORWARD';
const ADMIN_CHAIN = 'CNI-ADMIN';
const JUMP = [
  'FORWARD',
  '-m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD',
] as const;
const ADMIN_JUMP = [
  FORWARD_CHAIN,
  '-m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN',
] as const;

/** Whose traffic is let through. */
export interface Admitted {
  /** An address of the pod, or a subnet in which it will be. */
  readonly address: string;
  /** `all`: what it sends, answers to that, and what comes by a forwarded port; `answers`: the last, and answers to that. */
  readonly what: 'all' | 'answers';
}

/**
 * Lets a pod's traffic through where the host forwards nothing by itself
 * (policy DROP).
 * @throws GantryError EXEC_FAILED, EXEC_NOT_STARTED
 */
export async function admitPod(host: PodNetworkHost, admitted: readonly Admitted[]): Promise<void> {
  const v6 = admitted.filter(({ address }) => address.includes(':'));
  const v4 = admitted.filter(({ address }) => !address.includes(':'));

  await Promise.all([admit(host, IPTABLES.v4, v4), admit(host, IPTABLES.v6, v6)]);
}

async function admit(
  host: PodNetworkHost,
  family: IptablesFamily,
  admitted: readonly Admitted[],
): Promise<void> {
  if (admitted.length === 0) return;
  const comment = `-m comment --comment "gantry ${host.uuid}"`;
  const rules = admitted.flatMap(({ address, what }) => [
    `-A ${FORWARD_CHAIN} -d ${address} -m conntrack --ctstate RELATED,ESTABLISHED,DNAT ${comment} -j ACCEPT`,
    `-A ${FORWARD_CHAIN} -s ${address} ${what === 'all' ? '' : '-m conntrack --ctstate RELATED,ESTABLISHED '}${comment} -j ACCEPT`,
  ]);

  const quick = await restore(host, family, [`-C ${JUMP[0]} ${JUMP[1]}`, ...rules]);
  if (quick.exitCode === 0) return;
  await makeChains(host, family);
  demandSuccess(await restore(host, family, rules), 'let the traffic of the pod through');
}

/** All of it, or nothing, in one process. */
async function restore(
  host: PodNetworkHost,
  { restore: program }: IptablesFamily,
  lines: readonly string[],
): Promise<ExecResult> {
  return await hostExec(host).run({
    argv: [program, '--noflush', '--wait', '30'],
    env: NETWORK_ENV,
    input: ['*filter', ...lines, 'COMMIT', ''].join('\n'),
    timeoutMs: TIME_LIMIT_MS,
  });
}

/** Once after the host has started, or when somebody has cleared the rules. Each may be there; others do the same. */
async function makeChains(host: PodNetworkHost, family: IptablesFamily): Promise<void> {
  const run = async (...args: readonly string[]): Promise<boolean> => {
    const result = await hostExec(host).run({
      argv: [family.program, '--wait', '30', ...args],
      env: NETWORK_ENV,
      timeoutMs: TIME_LIMIT_MS,
    });
    return result.exitCode === 0;
  };
  for (const chain of [FORWARD_CHAIN, ADMIN_CHAIN]) await run('-N', chain);
  for (const [chain, rule] of [ADMIN_JUMP, JUMP]) {
    const words = splitRule(rule);
    if (!(await run('-C', chain, ...words))) await run('-I', chain, '1', ...words);
  }
}

function splitRule(rule: string): readonly string[] {
  return (rule.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''));
}
