import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import {
  type AttachRequest,
  capabilitiesOf,
  type NetworkConfig,
  parseContainerId,
  parseInterfaceName,
  type PortMapping,
} from '#cni';
import { type ForwardedPort, describePort } from '#stage1';
import type { ChosenNetwork } from '../config/choose-networks.ts';
import { subnetsOf } from '../config/subnets.ts';

/** The plugin that forwards ports, and its word for them. */
const PORTMAP = 'portmap';
const PORT_CAPABILITY = 'portMappings';

/** The argument by which plugins are told to pass over what they do not know (CONVENTIONS.md of CNI). */
const IGNORE_UNKNOWN = 'IgnoreUnknown';

/** What the plan is made of. */
export interface AttachmentsRequest {
  readonly uuid: string;
  /** Path of the pod's network namespace. */
  readonly netns: string;
  readonly networks: readonly ChosenNetwork[];
  readonly ports: readonly ForwardedPort[];
  /** Names by which the pod is to be found, for networks that have a plugin for that. */
  readonly aliases: readonly string[];
}

/** A network to be joined, and how. */
export interface PlannedAttachment {
  readonly network: ChosenNetwork;
  readonly request: AttachRequest;
}

/** Which networks are joined as which interface, and which of them forwards the ports. */
export function planAttachments(wanted: AttachmentsRequest): readonly PlannedAttachment[] {
  const target = wanted.ports.length === 0 ? undefined : demandPortNetwork(wanted);

  return wanted.networks.map((network, index) => {
    const ports = network === target ? wanted.ports : [];
    return {
      network,
      request: {
        network: ports.length === 0 ? withoutPortmap(network.config) : network.config,
        parameters: {
          containerId: parseContainerId(wanted.uuid),
          netns: wanted.netns,
          ifName: parseInterfaceName(`eth${index}`),
          args: argsOf(network),
          capabilityArgs: {
            ...(ports.length === 0 ? {} : { portMappings: ports.flatMap(mappingsOf) }),
            ...(wanted.aliases.length === 0 ? {} : { aliases: wanted.aliases }),
          },
        },
      },
    };
  });
}

/**
 * Most plugins take an address or a MAC by these arguments, but refuse those of
 * others, of the IPAM plugin in their own chain even, unless they are told not to.
 */
function argsOf({ wanted: { args } }: ChosenNetwork): readonly (readonly [string, string])[] {
  const isTold = args.length === 0 || args.some(([key]) => key === IGNORE_UNKNOWN);

  return isTold ? args : [[IGNORE_UNKNOWN, '1'], ...args];
}

/** The plugin knows single ports only. */
function mappingsOf({
  protocol,
  hostIP,
  hostPort,
  podPort,
  count,
}: ForwardedPort): readonly PortMapping[] {
  return Array.from({ length: count }, (_, index) => ({
    hostPort: hostPort + index,
    containerPort: podPort + index,
    protocol,
    ...(hostIP === undefined ? {} : { hostIP }),
  }));
}

function demandPortNetwork({ networks, ports }: AttachmentsRequest): ChosenNetwork {
  const found = portNetwork(networks);
  if (found !== undefined) return found;

  const names = networks.map(({ config }) => quoted(config.name)).join(', ');
  throw new GantryError(
    'PORT_WITHOUT_PLUGIN',
    `cannot forward port ${ports.map(describePort).join(', ')} of the host: none of the networks ${names} has a plugin that does`,
    {
      hint: `add {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true} to "plugins" in ${networks.map(({ config }) => config.source).join(' or ')}`,
    },
  );
}

/**
 * The network whose address ports of the host lead to: the first that
 * masquerades, else the last (rkt's rule), among those that can forward.
 * @returns undefined when none can
 */
function portNetwork(networks: readonly ChosenNetwork[]): ChosenNetwork | undefined {
  const able = networks.filter(({ config }) => capabilitiesOf(config).has(PORT_CAPABILITY));

  return able.find(({ config }) => masquerades(config)) ?? able.at(-1);
}

/**
 * What the host has to let through of an attachment: everything that the pod
 * sends, where its network leads everywhere and no plugin sees to that; answers,
 * where ports lead to it, since the plugin `firewall` does not let those in.
 */
export function admissionOf({
  request: { network, parameters },
}: PlannedAttachment): 'all' | 'answers' | 'none' {
  const hasFirewall = network.plugins.some(({ type }) => type === 'firewall');
  if (masquerades(network) && !hasFirewall) return 'all';

  return parameters.capabilityArgs?.portMappings === undefined ? 'none' : 'answers';
}

/** The subnets in which the attachment's addresses will be; undefined when only its plugins know. */
export function plannedSubnets({ network }: PlannedAttachment): readonly string[] | undefined {
  const found = network.config.plugins.filter(({ ipamType }) => ipamType !== undefined);
  const subnets = found.flatMap(({ fields }) => subnetsOf(fields['ipam']));

  return found.length === 1 && subnets.length > 0 ? subnets : undefined;
}

/** Whether pods reach other hosts under the host's address. */
function masquerades({ plugins }: NetworkConfig): boolean {
  return plugins.some(({ fields }) => fields['ipMasq'] === true);
}

/**
 * The plugin does nothing without ports, and DEL of it takes as long as all
 * others together.
 */
function withoutPortmap(config: NetworkConfig): NetworkConfig {
  const plugins = config.plugins.filter(
    ({ type, capabilities }) => type !== PORTMAP || !capabilities.includes(PORT_CAPABILITY),
  );

  return plugins.length === 0 ? config : { ...config, plugins };
}

/**
 * Which attachments may be made at the same time: all, but those that build on
 * an interface that is already in the namespace, which wait for those before.
 */
export function attachStages(
  planned: readonly PlannedAttachment[],
): readonly (readonly AttachRequest[])[] {
  const dependent = planned.filter(({ network }) => buildsOnOthers(network.config));
  const independent = planned.filter((each) => !dependent.includes(each));

  return [
    independent.map(({ request }) => request),
    ...dependent.map(({ request }) => [request]),
  ].filter((stage) => stage.length > 0);
}

/** `linkInContainer` of macvlan, ipvlan and vlan: the master is one of the container's own interfaces. */
function buildsOnOthers({ plugins }: NetworkConfig): boolean {
  return plugins.some(({ fields }) => fields['linkInContainer'] === true);
}
