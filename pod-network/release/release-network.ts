import { existsSync } from 'node:fs';
import type { GantryError } from '#base/errors/gantry-error';
import { parseContainerId } from '#cni';
import { netnsPath } from '#stage1';
import { openClient } from '../client.ts';
import type { PodNetworkHost } from '../host.ts';
import { collectStale } from './collect-stale.ts';
import { giveBack, type ReleaseOptions } from './give-back.ts';

/**
 * Gives back everything that the network of a pod holds: attachments, with
 * their addresses and rules, and the pin of its namespace. Any of it may be gone
 * or never have been; once is enough, twice does no harm.
 * @returns what could not be given back, to be tried again unless it was forgotten
 */
export async function releaseNetwork(
  host: PodNetworkHost,
  options: ReleaseOptions = {},
): Promise<readonly GantryError[]> {
  if (!existsSync(netnsPath(host.podDir))) return [];

  const cni = openClient(host);
  const { attachments } = cni.attachments(parseContainerId(host.uuid));
  const failures = await giveBack(host, cni, options);
  await collectStale(host, cni, attachments);

  return failures;
}
