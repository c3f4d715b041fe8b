/**
 * A client of the Container Network Interface, specification 1.1 and all before
 * it: it reads network configurations, runs plugins, and keeps what they gave.
 * It knows containers by their id and network namespace only.
 */
export type { AttachRequest } from './attachment/attach.ts';
export type { Attachment } from './attachment/attachment.ts';
export type {
  AttachmentKey,
  AttachmentList,
  LostAttachment,
} from './attachment/attachment-store.ts';
export type { CheckOutcome } from './attachment/check.ts';
export type { CollectReport, CollectRequest } from './attachment/collect.ts';
export type { DetachFallback, DetachOutcome } from './attachment/detach.ts';
export { type Cni, type CniOptions, DEFAULT_TIME_LIMITS_MS, openCni } from './cni.ts';
export { isJsonObject, type JsonObject } from './config/json.ts';
export { type ConfigProblem, loadNetworks, type NetworkSet } from './config/load-networks.ts';
export {
  type ContainerId,
  INTERFACE_NAME_LENGTH,
  type InterfaceName,
  type NetworkName,
  parseContainerId,
  parseInterfaceName,
  parseNetworkName,
} from './config/names.ts';
export {
  capabilitiesOf,
  type ConfigForm,
  type NetworkConfig,
  parseNetworkConfig,
} from './config/network-config.ts';
export type { PluginConfig } from './config/plugin-config.ts';
export { findPlugin } from './invoke/find-plugin.ts';
export {
  firstFailureOf,
  furtherFailuresOf,
  withFurtherFailures,
} from './invoke/further-failures.ts';
export type {
  AttachmentParameters,
  Bandwidth,
  CapabilityArgs,
  DnsArgs,
  IpRange,
  PortMapping,
} from './invoke/parameters.ts';
export type { CniCommand, NegotiatedNetwork, ValidAttachment } from './invoke/plugin-call.ts';
export {
  CNI_CODE,
  type FailureKind,
  type PluginFailure,
  pluginFailureOf,
} from './invoke/plugin-error.ts';
export { isNetns } from './netns/is-netns.ts';
export {
  enterNetns,
  inNetns,
  makeNetns,
  type NetnsPin,
  raiseLoopback,
  removeNetns,
} from './netns/network-namespace.ts';
export { familyOf, isAddress, isCidr } from './result/address.ts';
export { formatResult } from './result/format-result.ts';
export { parseResult, type ResultOrigin } from './result/parse-result.ts';
export type {
  CniResult,
  ResultAddress,
  ResultDns,
  ResultInterface,
  ResultRoute,
} from './result/result.ts';
export { CNI_VERSIONS, type CniVersion, hasGc, NEWEST_VERSION } from './version/cni-version.ts';
