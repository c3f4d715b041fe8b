import { existsSync } from 'node:fs';
import { type GantryError, isGantryError } from '#base/errors/gantry-error';
import { type Cni, furtherFailuresOf, parseContainerId, removeNetns } from '#cni';
import { netnsPath } from '#stage1';
import { collectStale } from './collect-stale.ts';
import { removeRulesOf } from '../firewall/remove-rules.ts';
import { withdrawPod } from '../names/announce.ts';
import { openClient } from '../client.ts';
import { pinPath, type PodNetworkHost } from '../host.ts';

/**
 * Gives back everything that the network of a pod holds: attachments, with
 * their addresses and rules, and the pin of its namespace. Any of it may be gone
 * or never have been; once is enough, twice does no harm.
 * @returns what could not be given back, to be tried again
 */
export async function releaseNetwork(host: PodNetworkHost): Promise<readonly GantryError[]> {
  if (!existsSync(netnsPath(host.podDir))) return [];

  const cni = openClient(host);
  const { attachments } = cni.attachments(parseContainerId(host.uuid));
  const first = await detachAll(cni, host.uuid);
  removePin(host);
  // Some plugins fail for as long as there is a namespace, and only then leave it to others.
  const left = first.length === 0 ? [] : await detachAll(cni, host.uuid);
  const failures = [...left, ...(await removeRulesOf(host))];
  if (failures.length === 0) withdrawPod(host.kernel, host.uuid);
  await collectStale(host, cni, attachments);

  return failures;
}

async function detachAll(cni: Cni, uuid: string): Promise<readonly GantryError[]> {
  try {
    await cni.detachContainer(parseContainerId(uuid));
    return [];
  } catch (error) {
    if (!isGantryError(error)) throw error;
    return [error, ...furtherFailuresOf(error)];
  }
}

function removePin({ kernel, uuid, hostMounts }: PodNetworkHost): void {
  removeNetns(kernel, { path: pinPath(uuid), hostMounts });
}
