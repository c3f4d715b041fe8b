import type { GantryError } from '#base/errors/gantry-error';
import type { NetworkName } from '../config/names.ts';
import type { NetworkConfig } from '../config/network-config.ts';
import { expectGantryError } from '../invoke/further-failures.ts';
import { negotiate } from '../invoke/negotiate.ts';
import {
  describeNetworkCall,
  type NegotiatedNetwork,
  type ValidAttachment,
} from '../invoke/plugin-call.ts';
import { runPlugin } from '../invoke/run-plugin.ts';
import { hasGc } from '../version/cni-version.ts';
import type { Attachment } from './attachment.ts';
import type { LostAttachment } from './attachment-store.ts';
import type { CniContext } from './context.ts';
import { deleteAttachment } from './detach.ts';
import { withNetworkLock } from './network-lock.ts';

export interface CollectRequest {
  /**
   * The networks whose plugins are told to collect. They must be the caller's
   * alone: plugins take everything that is not in `valid` for stale.
   */
  readonly networks: readonly NetworkConfig[];
  /**
   * Every attachment that is to stay. Asked under each network's lock: those
   * that were being attached while it was waited for count.
   */
  readonly valid: () => readonly ValidAttachment[];
}

/** What a collection did. Nothing is thrown: one failure keeps nothing else from being collected. */
export interface CollectReport {
  /** Stale attachments that are gone now. */
  readonly detached: readonly Attachment[];
  /** Networks whose plugins got GC; those of versions before 1.1.0 know none. */
  readonly collected: readonly NetworkName[];
  readonly failures: readonly GantryError[];
  /** Records that cannot be read. */
  readonly lost: readonly LostAttachment[];
}

interface Collection {
  readonly detached: Attachment[];
  readonly collected: NetworkName[];
  readonly failures: GantryError[];
}

/**
 * Detaches every recorded attachment that is not valid, of any network, then
 * has the plugins of the given networks collect what no record tells of.
 * `disableGC` forbids the second only: the records are this library's own.
 */
export async function collect(
  context: CniContext,
  { networks, valid }: CollectRequest,
): Promise<CollectReport> {
  const done: Collection = { detached: [], collected: [], failures: [] };
  const configured = new Map(networks.map((network) => [network.name, network]));
  const { attachments, lost } = context.store.list();
  const names = new Set([...configured.keys(), ...attachments.map(({ network }) => network.name)]);

  for (const name of names) {
    await withNetworkLock(context, { network: name, mode: 'exclusive' }, async () => {
      const staying = valid();
      await detachStale(context, { name, valid: staying, done });
      const network = configured.get(name);
      if (network !== undefined) await collectNetwork(context, { network, valid: staying, done });
    });
  }

  return { ...done, lost };
}

interface Stale {
  readonly name: NetworkName;
  readonly valid: readonly ValidAttachment[];
  readonly done: Collection;
}

async function detachStale(context: CniContext, { name, valid, done }: Stale): Promise<void> {
  const kept = new Set(valid.map(attachmentText));
  // Read anew under the lock: others may have attached or detached in the meantime.
  const stale = context.store.list().attachments.filter(({ network, parameters }) => {
    return network.name === name && !kept.has(attachmentText(parameters));
  });

  for (const attachment of stale.toReversed()) {
    const failures = await deleteAttachment(context, attachment);
    done.failures.push(...failures);
    if (failures.length === 0) done.detached.push(attachment);
  }
}

interface NetworkCollection {
  readonly network: NetworkConfig;
  readonly valid: readonly ValidAttachment[];
  readonly done: Collection;
}

async function collectNetwork(
  context: CniContext,
  { network, valid, done }: NetworkCollection,
): Promise<void> {
  if (network.disableGc) return;
  let negotiated: NegotiatedNetwork;
  try {
    negotiated = await negotiate(context.versions, network);
  } catch (error) {
    done.failures.push(expectGantryError(error));
    return;
  }
  if (!hasGc(negotiated.version)) return;

  const { runner } = context;
  for (const plugin of network.plugins) {
    const call = { command: 'GC', plugin, valid, pluginDirs: runner.pluginDirs } as const;
    try {
      await runPlugin(runner, describeNetworkCall(negotiated, call));
    } catch (error) {
      done.failures.push(expectGantryError(error));
    }
  }
  done.collected.push(network.name);
}

function attachmentText({ containerId, ifName }: ValidAttachment): string {
  return `${containerId}/${ifName}`;
}
