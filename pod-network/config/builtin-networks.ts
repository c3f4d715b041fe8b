import type { JsonObject } from '#cni';

/**
 * The networks that a stage1 brings: rkt's, by name, address and meaning
 * (fact sheet 5.1). `default` leads everywhere; from `default-restricted` only
 * the host can be reached. Both forward ports.
 */
const NETWORKS: readonly JsonObject[] = [
  network('default', {
    ipMasq: true,
    ipam: {
      type: 'host-local',
      subnet: '172.16.28.0/24',
      routes: [{ dst: '0.0.0.0/0' }],
    },
  }),
  network('default-restricted', {
    ipMasq: false,
    ipam: { type: 'host-local', subnet: '172.31.0.0/16' },
  }),
];

/** Their files, by name: for `/etc/rkt/net.d` of a stage1 image. */
export const BUILTIN_NETWORK_FILES: readonly (readonly [name: string, text: string])[] =
  NETWORKS.map((each) => [
    `99-${String(each['name'])}.conflist`,
    `${JSON.stringify(each, undefined, 2)}\n`,
  ]);

function network(name: string, ptp: JsonObject): JsonObject {
  return {
    cniVersion: '0.4.0',
    cniVersions: ['0.4.0', '1.0.0', '1.1.0'],
    name,
    // CHECK of portmap fails on hosts without IPv6.
    disableCheck: true,
    plugins: [
      { type: 'ptp', ...ptp },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  };
}
