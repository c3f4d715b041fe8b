import { writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import {
  type Attachment,
  type Cni,
  firstFailureOf,
  furtherFailuresOf,
  makeNetns,
  pluginFailureOf,
  raiseLoopback,
  type ResultDns,
  withFurtherFailures,
} from '#cni';
import { describePort, type ForwardedPort, type NetInfo, netnsPath, writeNetInfo } from '#stage1';
import { openClient } from '../client.ts';
import { type ChosenNetwork, chooseNetworks } from '../config/choose-networks.ts';
import { readRoutes, routeOverlaps } from '../config/route-overlaps.ts';
import type { WantedNetworks } from '../config/net-argument.ts';
import { type Admitted, admitPod } from '../firewall/admit-pod.ts';
import { networkDirs, pinPath, pluginDirs, type PodNetworkHost } from '../host.ts';
import { claimPorts } from '../ports/claim-ports.ts';
import { ownNetns, type RegisteredAttachment, type RegisterEntry } from '../register/register.ts';
import { releaseEndedPods } from '../release/release-ended-pods.ts';
import { releaseNetwork } from '../release/release-network.ts';
import { bare, netInfoOf, podAddresses } from './net-info.ts';
import {
  admissionOf,
  attachStages,
  planAttachments,
  type PlannedAttachment,
  plannedSubnets,
} from './plan-attachments.ts';

/** What a pod's network is to be. */
export interface NetworkRequest {
  readonly wanted: Extract<WantedNetworks, { readonly kind: 'cni' }>;
  readonly ports: readonly ForwardedPort[];
  /** By which the pod is known to others. */
  readonly names: readonly string[];
}

/** A pod's network as it is. */
export interface PodNetwork {
  /** Path of its pinned namespace. */
  readonly netns: string;
  /** In the order of the interfaces. */
  readonly networks: readonly NetInfo[];
  /** The first that a network gave. */
  readonly dns: ResultDns | undefined;
  /** What is to be known of it, but for its hosts files. */
  readonly announcement: RegisterEntry;
}

/**
 * Makes a pod's network namespace and joins its networks. From the note in the
 * pod directory on, which is written first, `releaseNetwork` finds everything;
 * it is called here when something fails, so that nothing is half made.
 * @throws GantryError CNI_NETWORK_NOT_FOUND, NETNS_EXISTS, and what attaching throws
 */
export async function joinNetworks(
  host: PodNetworkHost,
  request: NetworkRequest,
): Promise<PodNetwork> {
  const networks = chooseNetworks(request.wanted, networkDirs(host), host.log);
  warnOfOverlaps(host, networks);
  const netns = pinPath(host.uuid);
  const planned = planAttachments({
    uuid: host.uuid,
    netns,
    networks,
    ports: request.ports,
    aliases: request.names,
  });

  writeFileSync(netnsPath(host.podDir), `${netns}\n`);
  const entry = registerEntry(host, request, planned);
  try {
    await claimPorts(host, entry);
    makeNetns(host.kernel, { path: netns, hostMounts: host.hostMounts });
    raiseLoopback(host.kernel, netns);
    const attached = await attachAndAdmit(host, planned);
    const infos = attached.map(([plan, attachment]) =>
      netInfoOf(plan, attachment, pluginDirs(host)),
    );
    demandAddresses(request.ports, infos);
    writeNetInfo(host.podDir, infos);
    const announcement = { ...entry, attachments: infos.map(registered) };
    return { netns, networks: infos, dns: firstDns(attached), announcement };
  } catch (error) {
    throw await undone(host, error);
  }
}

function warnOfOverlaps({ log }: PodNetworkHost, networks: readonly ChosenNetwork[]): void {
  const routes = readRoutes();
  for (const { config } of networks) {
    for (const warning of routeOverlaps(config, routes)) log.warning(warning);
  }
}

/** What others need to know of the pod before anything of it is made. */
function registerEntry(
  { uuid, podDir, gantry }: PodNetworkHost,
  { names, ports }: NetworkRequest,
  planned: readonly PlannedAttachment[],
): RegisterEntry {
  return {
    version: 1,
    uuid,
    podDir,
    gantry,
    names,
    hostNetns: ownNetns(),
    ports,
    attachments: planned.map(({ network, request }) => ({
      network: network.config.name,
      ifName: request.parameters.ifName,
      addresses: [],
    })),
    hostsFiles: [],
  };
}

function registered({ netName, ifName, ips = [] }: NetInfo): RegisteredAttachment {
  return { network: netName, ifName, addresses: ips.map(bare) };
}

/**
 * What the host lets through is settled while the plugins work, wherever it is
 * known beforehand which addresses they will give.
 */
async function attachAndAdmit(
  host: PodNetworkHost,
  planned: readonly PlannedAttachment[],
): Promise<readonly Made[]> {
  const attaching = attachPlanned(host, openClient(host), planned);
  const known = planned.flatMap((plan) => admitted(plan, plannedSubnets(plan) ?? []));
  const admitting = admitPod(host, known);
  await Promise.allSettled([attaching, admitting]);
  const attached = await attaching;
  await admitting;

  const others = attached.filter(([plan]) => plannedSubnets(plan) === undefined);
  await admitPod(
    host,
    others.flatMap(([plan, attachment]) =>
      admitted(
        plan,
        podAddresses(attachment).map(({ address }) => bare(address)),
      ),
    ),
  );

  return attached;
}

function admitted(plan: PlannedAttachment, addresses: readonly string[]): readonly Admitted[] {
  const what = admissionOf(plan);

  return what === 'none' ? [] : addresses.map((address) => ({ address, what }));
}

/** The plugin passes over a port for whose kind of address the pod has none. */
function demandAddresses(ports: readonly ForwardedPort[], networks: readonly NetInfo[]): void {
  const all = networks.flatMap(({ ips = [] }) => ips).map(bare);
  for (const port of ports) {
    const { hostIP } = port;
    if (hostIP === undefined || all.some((ip) => isIPv6(ip) === isIPv6(hostIP))) continue;
    throw new GantryError(
      'PORT_WITHOUT_ADDRESS',
      `cannot forward port ${describePort(port)} of the host: the pod has no ${isIPv6(hostIP) ? 'IPv6' : 'IPv4'} address`,
      { hint: 'choose a network with addresses of that family, or another address of the host' },
    );
  }
}

/** An attachment and what it was planned as. */
type Made = readonly [PlannedAttachment, Attachment];

/** So often what ended pods hold is given back and the networks are tried again. */
const TRIES = 5;

/**
 * A range that is exhausted may be so because of pods that have ended and are
 * still to give back what they held: those come first.
 */
async function attachPlanned(
  host: PodNetworkHost,
  cni: Cni,
  planned: readonly PlannedAttachment[],
): Promise<readonly Made[]> {
  const stages = attachStages(planned);
  for (let tries = 1; ; tries += 1) {
    try {
      return pair(planned, await cni.attachAll(stages));
    } catch (error) {
      const uuids = tries < TRIES ? othersOn(cni, host.uuid, reportingNetworks(error)) : [];
      const { gantry } = host;
      if ((await releaseEndedPods(host, { uuids, gantry })).length === 0) throw error;
    }
  }
}

/** The networks of plugins that say that they failed: only that can be a matter of what others hold. */
function reportingNetworks(error: unknown): ReadonlySet<string | undefined> {
  const failures = [error, ...furtherFailuresOf(error)].map(pluginFailureOf);

  return new Set(failures.filter((each) => each?.kind === 'reported').map((each) => each?.network));
}

/** The other pods that have something of some networks. */
function othersOn(
  cni: Cni,
  uuid: string,
  networks: ReadonlySet<string | undefined>,
): readonly string[] {
  const holders = cni
    .attachments()
    .attachments.filter(({ network }) => networks.has(network.name))
    .map(({ parameters }) => parameters.containerId);

  return [...new Set<string>(holders)].filter((holder) => holder !== uuid);
}

function pair(
  planned: readonly PlannedAttachment[],
  attached: readonly Attachment[],
): readonly Made[] {
  return planned.map((plan) => {
    const { ifName } = plan.request.parameters;
    const attachment = attached.find(({ parameters }) => parameters.ifName === ifName);
    if (attachment === undefined) throw new Error(`not attached: ${ifName}`);
    return [plan, attachment];
  });
}

function firstDns(attached: readonly Made[]): ResultDns | undefined {
  const all = attached.flatMap(([, { result }]) => result?.dns ?? []);

  return all.find(
    ({ nameservers, domain, search, options }) =>
      nameservers.length + search.length + options.length > 0 || domain !== undefined,
  );
}

/** What failed, when everything that was done has been undone; with what could not be. */
async function undone(host: PodNetworkHost, thrown: unknown): Promise<unknown> {
  const { log } = host;
  // What is left in the end is told; what came right on the way need not be.
  const quiet = { ...log, warning: (text: string) => log.debug(text) };
  const left = await releaseNetwork({ ...host, log: quiet });
  if (!isGantryError(thrown)) return thrown;

  const [first, ...further] = [...failuresOf(thrown), ...left];
  if (first === undefined) return thrown;
  const way = `what is left is given back by "gantry gc" as soon as that works, or given up by "gantry rm --force ${host.uuid}"`;
  const hints = [first.hint, left.length === 0 ? undefined : way].filter(Boolean);
  return withFurtherFailures(first, further, hints.length === 0 ? undefined : hints.join('; '));
}

/** The failures that came together in an error, without those of undoing what had been done. */
function failuresOf(error: GantryError): readonly GantryError[] {
  const further = furtherFailuresOf(error);
  const joined = further.filter((each) => pluginFailureOf(each)?.command !== 'DEL');

  return [firstFailureOf(error), ...joined];
}
