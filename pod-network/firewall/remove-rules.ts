import type { GantryError } from '#base/errors/gantry-error';
import { isGantryError } from '#base/errors/gantry-error';
import { demandSuccess } from '#base/exec/exec-result';
import { hostExec } from '../client.ts';
import type { PodNetworkHost } from '../host.ts';
import { IPTABLES, type IptablesFamily, NETWORK_ENV, TIME_LIMIT_MS } from './iptables.ts';

/**
 * Removes every rule that names a pod in its comment, and the chains to which
 * those led: what plugins leave when they have nothing to go by any more (ptp
 * without its network namespace leaves its masquerade), and what admitted the pod.
 * @returns what failed
 */
export async function removeRulesOf(host: PodNetworkHost): Promise<readonly GantryError[]> {
  const results = await Promise.allSettled([
    removeFrom(host, IPTABLES.v4),
    removeFrom(host, IPTABLES.v6),
  ]);

  return results.flatMap((each) => {
    if (each.status === 'fulfilled') return [];
    // A host without iptables has no rules of it.
    if (isGantryError(each.reason, 'EXEC_NOT_STARTED')) return [];
    if (isGantryError(each.reason)) return [each.reason];
    throw each.reason;
  });
}

/** Others change rules meanwhile, which fails the whole: then it is looked at anew. */
const TRIES = 5;

async function removeFrom(host: PodNetworkHost, family: IptablesFamily): Promise<void> {
  const exec = hostExec(host);
  for (let tries = 1; ; tries += 1) {
    const saved = await exec.run({
      argv: [family.save],
      env: NETWORK_ENV,
      timeoutMs: TIME_LIMIT_MS,
    });
    // ip6tables of a kernel without IPv6.
    if (saved.exitCode !== 0) return;
    const input = removal(saved.stdout.toString(), host.uuid);
    if (input === '') return;
    const restored = await exec.run({
      argv: [family.restore, '--noflush', '--wait', '30'],
      env: NETWORK_ENV,
      input,
      timeoutMs: TIME_LIMIT_MS,
    });
    if (restored.exitCode === 0) return;
    if (tries === TRIES) demandSuccess(restored, `remove the rules of pod ${host.uuid}`);
  }
}

/**
 * What `iptables-restore --noflush` has to be told so that nothing is left that
 * names a pod.
 * @param saved by `iptables-save`
 * @returns nothing when there is nothing to do
 */
export function removal(saved: string, uuid: string): string {
  return saved
    .split(/^(?=\*)/m)
    .map((table) => removalInTable(table, uuid))
    .join('');
}

function removalInTable(table: string, uuid: string): string {
  const lines = table.split('\n');
  const [head = ''] = lines;
  const own = new Set(lines.flatMap((line) => /^:(\S+) -/.exec(line)?.[1] ?? []));
  const named = lines.filter((line) => line.startsWith('-A ') && line.includes(uuid));
  if (named.length === 0) return '';

  // The chains that only such rules lead to, as the plugins make one for each container.
  const targets = named.flatMap((line) => /-[jg] (\S+)/.exec(line)?.[1] ?? []);
  const chains = [...new Set(targets)].filter((chain) => {
    const leading = lines.filter((line) => new RegExp(`-[jg] ${chain}(?: |$)`).test(line));
    return own.has(chain) && leading.every((line) => line.includes(uuid));
  });
  const isInside = (line: string): boolean =>
    chains.some((chain) => line.startsWith(`-A ${chain} `));

  return [
    head,
    ...named.filter((line) => !isInside(line)).map((line) => line.replace(/^-A/, '-D')),
    ...chains.flatMap((chain) => [`-F ${chain}`, `-X ${chain}`]),
    'COMMIT',
    '',
  ].join('\n');
}
