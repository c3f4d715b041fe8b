import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import type { Log } from '#base/log/log';
import { loadNetworks, type NetworkConfig, type NetworkSet } from '#cni';
import type { WantedNetwork, WantedNetworks } from './net-argument.ts';

/** A network that a pod joins. */
export interface ChosenNetwork {
  readonly config: NetworkConfig;
  readonly wanted: WantedNetwork;
}

/**
 * Finds the networks that are asked for, in the order of their files, which is
 * the order of the interfaces. Of what is wrong with the configuration only
 * that counts which concerns them; with `all` everything does.
 * @param folders the one that overrides all others last
 * @throws GantryError CNI_NETWORK_NOT_FOUND, or what is wrong with the file of one
 */
export function chooseNetworks(
  wanted: Extract<WantedNetworks, { readonly kind: 'cni' }>,
  folders: readonly string[],
  log: Log,
): readonly ChosenNetwork[] {
  const set = loadNetworks(folders);
  const named = new Map(wanted.named.map((each) => [each.name, each]));
  demandAll(set, wanted.named, folders);
  tellProblems(set, log, (name) => wanted.all || (name !== undefined && named.has(name)));

  const chosen = set.networks.filter(({ name }) => wanted.all || named.has(name));
  return chosen.map((config) => ({
    config,
    wanted: named.get(config.name) ?? { name: config.name, args: [], argsText: '' },
  }));
}

/** All that are missing are told at once, as rkt did. */
function demandAll(
  set: NetworkSet,
  named: readonly WantedNetwork[],
  folders: readonly string[],
): void {
  const missing: string[] = [];
  let first: GantryError | undefined;
  for (const { name } of named) {
    try {
      set.find(name);
    } catch (error) {
      if (!isGantryError(error, 'CNI_NETWORK_NOT_FOUND')) throw error;
      missing.push(name);
      first ??= error;
    }
  }
  if (first === undefined) return;

  const known = set.networks.map(({ name }) => name).join(', ');
  throw new GantryError(first.code, `networks not found: ${missing.map(quoted).join(', ')}`, {
    hint: first.hint ?? `configured are ${known}, in ${folders.join(', ')}`,
  });
}

function tellProblems(
  { problems }: NetworkSet,
  log: Log,
  concerns: (name: string | undefined) => boolean,
): void {
  for (const { kind, name, error } of problems) {
    if (kind === 'overridden' || !concerns(name)) log.debug(error.message);
    else log.warning(error.message);
  }
}
