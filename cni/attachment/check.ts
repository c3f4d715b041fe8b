import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import type { NetworkConfig } from '../config/network-config.ts';
import { negotiate } from '../invoke/negotiate.ts';
import { describeNetworkCall } from '../invoke/plugin-call.ts';
import { runPlugin } from '../invoke/run-plugin.ts';
import { hasCheck, hasGc } from '../version/cni-version.ts';
import type { AttachmentKey } from './attachment-store.ts';
import type { CniContext } from './context.ts';
import { withNetworkLock } from './network-lock.ts';
import { checkChain } from './run-chain.ts';

/** `disabled`: the configuration forbids it; `unsupported`: the version spoken does not know it. */
export type CheckOutcome = 'good' | 'disabled' | 'unsupported';

/**
 * Asks every plugin whether an attachment is as its ADD left it.
 * @throws GantryError CNI_ATTACHMENT_NOT_FOUND, CNI_PLUGIN_NOT_FOUND, CNI_PLUGIN_FAILED
 */
export async function check(context: CniContext, key: AttachmentKey): Promise<CheckOutcome> {
  const attachment = context.store.read(key);
  const raw = attachment?.rawResult;
  if (attachment === undefined || raw === undefined) throw notFound(key);
  const { network, version, parameters } = attachment;
  if (network.disableCheck) return 'disabled';
  if (!hasCheck(version)) return 'unsupported';

  await withNetworkLock(context, { network: network.name, mode: 'shared' }, () =>
    checkChain(context.runner, { negotiated: { network, version }, parameters }, raw),
  );

  return 'good';
}

function notFound({ containerId, ifName }: AttachmentKey): GantryError {
  return new GantryError(
    'CNI_ATTACHMENT_NOT_FOUND',
    `cannot check the interface ${quoted(ifName)} of the container ${quoted(containerId)}: it is not attached`,
  );
}

/**
 * Asks every plugin of a network whether it could serve ADD just now.
 * @throws GantryError CNI_PLUGIN_FAILED, whose `failure.cniCode` is 50 or 51 for a plugin that could not;
 * CNI_PLUGIN_NOT_FOUND, CNI_VERSION_UNSUPPORTED
 */
export async function status(
  context: CniContext,
  network: NetworkConfig,
): Promise<Exclude<CheckOutcome, 'disabled'>> {
  const negotiated = await negotiate(context.versions, network);
  if (!hasGc(negotiated.version)) return 'unsupported';

  const { runner } = context;
  for (const plugin of network.plugins) {
    const call = { command: 'STATUS', plugin, pluginDirs: runner.pluginDirs } as const;
    await runPlugin(runner, describeNetworkCall(negotiated, call));
  }

  return 'good';
}
