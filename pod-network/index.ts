/**
 * The networks of pods: which one joins, under which addresses and names, and
 * how all of it is given back. What the flavors have in common that give a pod a
 * network of its own; the protocol of the plugins is `cni`'s.
 */
export { enterNetns } from '#cni';
export { joinNetworks, type NetworkRequest, type PodNetwork } from './attach/join-networks.ts';
export { BUILTIN_NETWORK_FILES } from './config/builtin-networks.ts';
export { parseNetArgument, type WantedNetworks } from './config/net-argument.ts';
export { announcePod } from './names/announce.ts';
export { describeOwner, readListeners } from './ports/listeners.ts';
export { type PodNetworkHost, STAGE1_NETWORKS_DIR } from './host.ts';
export { releaseNetwork } from './release/release-network.ts';
