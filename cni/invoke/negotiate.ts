import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import type { NetworkConfig } from '../config/network-config.ts';
import { type CniVersion, commonVersions } from '../version/cni-version.ts';
import type { NegotiatedNetwork } from './plugin-call.ts';
import type { PluginVersions } from './plugin-versions.ts';

/**
 * Chooses the newest version that the configuration, this library, every
 * plugin of the network and their IPAM plugins support.
 * @throws GantryError CNI_VERSION_UNSUPPORTED naming who supports what, CNI_PLUGIN_NOT_FOUND, CNI_PLUGIN_FAILED
 */
export async function negotiate(
  versions: PluginVersions,
  network: NetworkConfig,
): Promise<NegotiatedNetwork> {
  const types = new Set(
    network.plugins.flatMap(({ type, ipamType }) =>
      ipamType === undefined ? [type] : [type, ipamType],
    ),
  );
  // All are waited for, whoever fails: no process is left running behind the caller's back.
  const answers = await Promise.allSettled(
    [...types].map(async (type) => ({ type, versions: await versions.of(type, network.name) })),
  );
  const supported = answers.map((answer) => {
    if (answer.status === 'rejected') throw answer.reason;
    return answer.value;
  });

  const common = commonVersions(network.versions, ...supported.map((plugin) => plugin.versions));
  const version = common.at(-1);
  if (version !== undefined) return { network, version };

  throw unsupported(network, supported);
}

function unsupported(
  network: NetworkConfig,
  supported: readonly { readonly type: string; readonly versions: readonly CniVersion[] }[],
): GantryError {
  const plugins = supported.map(
    ({ type, versions }) => `plugin ${quoted(type)} supports ${versions.join(', ') || 'none'}`,
  );

  return new GantryError(
    'CNI_VERSION_UNSUPPORTED',
    `cannot use the network ${quoted(network.name)}: no CNI version suits all: the configuration has ${network.versions.join(', ')}; ${plugins.join('; ')}`,
    { hint: `list more versions as "cniVersions" in ${quoted(network.source)}` },
  );
}
