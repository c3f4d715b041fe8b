import { basename } from 'node:path';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import {
  type Attachment,
  type AttachmentList,
  type Cni,
  type ContainerId,
  firstFailureOf,
  furtherFailuresOf,
  loadNetworks,
  parseContainerId,
  parseInterfaceName,
  removeNetns,
} from '#cni';
import { readNetInfo } from '#stage1';
import { bare } from '../attach/net-info.ts';
import { removeRulesOf } from '../firewall/remove-rules.ts';
import { networkDirs, pinPath, type PodNetworkHost } from '../host.ts';
import { withdrawPod } from '../names/announce.ts';

/** How a pod's network is given back. */
export interface ReleaseOptions {
  /** Whether what cannot be given back is forgotten: nobody will try again. */
  readonly force?: boolean | undefined;
}

/**
 * Gives back what one pod has of its networks; its directory may be gone.
 * @returns what could not be given back
 */
export async function giveBack(
  host: PodNetworkHost,
  cni: Cni,
  { force = false }: ReleaseOptions = {},
): Promise<readonly GantryError[]> {
  const containerId = parseContainerId(host.uuid);
  await detachLost(host, cni, containerId);
  const first = await detachAll(cni, containerId);
  removePin(host);
  // Some plugins fail for as long as there is a namespace, and only then leave it to others.
  const left = first.length === 0 ? [] : await detachAll(cni, containerId);
  const unruly = await removeRulesOf(host);
  const forgotten = force ? forget(cni, containerId) : [];
  const keepsPorts = unruly.length > 0 || stillForwards(cni.attachments(containerId));
  withdrawPod(host.kernel, host.uuid, keepsPorts && !force);

  return [...left, ...unruly, ...forgotten];
}

/** Whether a plugin that forwards ports may not have done its part; of what cannot be read nobody knows. */
function stillForwards({ attachments, lost }: AttachmentList): boolean {
  const forwarding = attachments.filter(
    ({ parameters }) => parameters.capabilityArgs?.portMappings !== undefined,
  );

  return forwarding.length + lost.length > 0;
}

/** @returns what is not known any more, and may still be there */
function forget(cni: Cni, containerId: ContainerId): readonly GantryError[] {
  const { attachments, lost } = cni.attachments(containerId);
  cni.forget(containerId);

  return [...attachments.map(mayBeLeft), ...lost.map(({ path }) => recordForgotten(path))];
}

function mayBeLeft({ network, parameters, result }: Attachment): GantryError {
  const addresses = (result?.ips ?? []).map(({ address }) => bare(address)).join(', ');

  return new GantryError(
    'NETWORK_MAY_BE_LEFT',
    `the network ${quoted(network.name)} may keep what it made for the interface ${quoted(parameters.ifName)} of pod ${parameters.containerId}${addresses === '' ? '' : `, address ${addresses}`}: it is not asked again`,
  );
}

function recordForgotten(path: string): GantryError {
  return new GantryError(
    'NETWORK_MAY_BE_LEFT',
    `the network of which ${quoted(path)} told may keep what it made: it is not asked again`,
  );
}

/**
 * A record that is damaged keeps no attachment for ever: which network it was is
 * noted with the pod as well. What that does not help is told by `detachAll`.
 */
async function detachLost(host: PodNetworkHost, cni: Cni, containerId: ContainerId): Promise<void> {
  const { lost } = cni.attachments(containerId);
  if (lost.length === 0) return;
  const { networks } = loadNetworks(networkDirs(host));

  for (const { path } of lost) {
    try {
      const ifName = parseInterfaceName(basename(path, '.json'));
      const info = readNetInfo(host.podDir).find((each) => each.ifName === ifName);
      const network = networks.find(({ name }) => name === info?.netName);
      if (network === undefined) continue;
      const parameters = { containerId, ifName, netns: pinPath(host.uuid) };
      await cni.detach(parameters, { network, parameters });
    } catch (error) {
      if (!isGantryError(error)) throw error;
      host.log.warning(error.message);
    }
  }
}

async function detachAll(cni: Cni, containerId: ContainerId): Promise<readonly GantryError[]> {
  try {
    await cni.detachContainer(containerId);
    return [];
  } catch (error) {
    if (!isGantryError(error)) throw error;
    return [firstFailureOf(error), ...furtherFailuresOf(error)];
  }
}

function removePin({ kernel, uuid, hostMounts }: PodNetworkHost): void {
  removeNetns(kernel, { path: pinPath(uuid), hostMounts });
}
