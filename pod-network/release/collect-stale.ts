import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, isGantryError } from '#base/errors/gantry-error';
import {
  type Attachment,
  type Cni,
  type CollectReport,
  type CollectRequest,
  hasGc,
  loadNetworks,
  type NetworkConfig,
  parseContainerId,
  parseInterfaceName,
  type ValidAttachment,
} from '#cni';
import { dataDirOf } from '#stage1';
import { networkDirs, type PodNetworkHost } from '../host.ts';
import { isGone, isNetnsInUse } from '../register/gone-pods.ts';
import { demandRegister, readRegister } from '../register/register.ts';
import { giveBack } from './give-back.ts';

/**
 * Gives back what pods had that are no more, which is what somebody leaves who
 * removes their directories by hand, and has plugins that know how collect what
 * no pod holds. Nothing is done, and no network locked, where there is neither.
 * @param left the attachments of the pod that has just left its networks
 */
export async function collectStale(
  host: PodNetworkHost,
  cni: Cni,
  left: readonly Attachment[],
): Promise<void> {
  await giveBackOfGone(host, cni);
  const pods = podsOf(host.podDir);
  const isStale = ({ parameters }: Attachment): boolean => !pods.has(parameters.containerId);
  const networks = left
    .filter(({ version, network }) => hasGc(version) && !network.disableGc)
    .map(({ network }) => asConfigured(host, network));
  if (networks.length === 0 && !cni.attachments().attachments.some(isStale)) return;

  const report = await collected(host, cni, {
    networks,
    valid: () => {
      const { attachments } = cni.attachments();
      const own = attachments.filter((each) => !isStale(each)).map(({ parameters }) => parameters);
      return unique([...own, ...registered()]);
    },
  });
  if (report === undefined) return;
  for (const { message } of [...report.failures, ...report.lost.map(({ error }) => error)]) {
    host.log.warning(message);
  }
}

/** @returns undefined when it cannot be told what other pods have: a plugin would take that for stale */
async function collected(
  { log }: PodNetworkHost,
  cni: Cni,
  request: CollectRequest,
): Promise<CollectReport | undefined> {
  try {
    return await cni.collect(request);
  } catch (error) {
    if (!isGantryError(error, 'NETWORK_REGISTER_UNREADABLE')) throw error;
    log.debug(`nothing stale is collected: ${error.message}`);
    return undefined;
  }
}

/** Of this data directory's pods; those of others give back by their own gantry. */
async function giveBackOfGone(host: PodNetworkHost, cni: Cni): Promise<void> {
  const dataDir = dataDirOf(host.podDir);
  const gone = readRegister().filter(
    (entry) => dataDirOf(entry.podDir) === dataDir && isGone(entry) && !isNetnsInUse(entry.uuid),
  );
  for (const { uuid, podDir } of gone) {
    const failures = await giveBack({ ...host, uuid, podDir }, cni);
    for (const { message } of failures) host.log.warning(message);
  }
}

function unique(attachments: readonly ValidAttachment[]): readonly ValidAttachment[] {
  return [
    ...new Map(attachments.map((each) => [`${each.containerId}/${each.ifName}`, each])).values(),
  ];
}

/** Those of pods of all data directories: plugins know no such thing. */
function registered(): readonly ValidAttachment[] {
  return demandRegister().flatMap(({ uuid, attachments }) =>
    attachments.map(({ ifName }) => ({
      containerId: parseContainerId(uuid),
      ifName: parseInterfaceName(ifName),
    })),
  );
}

/** With every plugin, those too that the pod had no use for. */
function asConfigured(host: PodNetworkHost, network: NetworkConfig): NetworkConfig {
  const { networks } = loadNetworks(networkDirs(host));

  return networks.find(({ name }) => name === network.name) ?? network;
}

/** The names of all folders in all phases: a pod that has any of them will give back by itself what it holds. */
function podsOf(podDir: string): ReadonlySet<string> {
  const pods = join(dataDirOf(podDir), 'pods');

  return new Set(list(pods).flatMap((phase) => list(join(pods, phase))));
}

function list(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }
}
