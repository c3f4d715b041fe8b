import type { GantryError } from '#base/errors/gantry-error';
import type { NetworkConfig } from '../config/network-config.ts';
import { expectGantryError, withFurtherFailures } from '../invoke/further-failures.ts';
import { negotiate } from '../invoke/negotiate.ts';
import type { AttachmentParameters } from '../invoke/parameters.ts';
import type { Attachment } from './attachment.ts';
import type { AttachmentKey } from './attachment-store.ts';
import type { CniContext } from './context.ts';
import { withNetworkLock } from './network-lock.ts';
import { endOrphans } from './orphans.ts';
import { deleteChain } from './run-chain.ts';

/** What an attachment was made of, for when its record is lost. */
export interface DetachFallback {
  readonly network: NetworkConfig;
  readonly parameters: AttachmentParameters;
}

/** `absent`: there was no record, and nothing to go by without one. */
export type DetachOutcome = 'detached' | 'absent';

/**
 * Detaches a container from a network: every plugin is asked to DEL, in reverse
 * order, with the configuration, the parameters and the result of its ADD. The
 * network namespace, the interface and whatever else may be gone already. The
 * record goes last; when a plugin fails it stays, so that another try has it.
 * @param fallback used when there is no record, or one that cannot be read
 * @throws GantryError CNI_PLUGIN_NOT_FOUND, CNI_PLUGIN_FAILED for the first failure (`furtherFailuresOf`
 * tells the others), CNI_ATTACHMENT_UNREADABLE, CNI_ATTACHMENT_TOO_NEW, CNI_ATTACHMENT_NOT_WRITTEN
 */
export async function detach(
  context: CniContext,
  key: AttachmentKey,
  fallback?: DetachFallback,
): Promise<DetachOutcome> {
  const attachment = await findAttachment(context, key, fallback);
  if (attachment === undefined) return 'absent';

  const { name } = attachment.network;
  await withNetworkLock(context, { network: name, mode: 'shared' }, async () => {
    const [first, ...further] = await deleteAttachment(context, attachment);
    if (first !== undefined) throw withFurtherFailures(first, further);
  });

  return 'detached';
}

/**
 * As `detach`, under a lock that is held already.
 * @returns what failed
 */
export async function deleteAttachment(
  context: CniContext,
  { state, network, version, parameters, rawResult }: Attachment,
): Promise<readonly GantryError[]> {
  if (state === 'attaching') await endOrphans(context.kernel, parameters);
  const chain = { negotiated: { network, version }, parameters };
  const { plugins } = network;
  const unfinished = state === 'attaching';
  const failures = await deleteChain(context.runner, chain, {
    plugins,
    raw: rawResult,
    unfinished,
  });

  return failures.length > 0 ? failures : removeRecord(context, parameters);
}

/**
 * Removes the record of what is detached.
 * @returns what failed
 */
export function removeRecord(context: CniContext, key: AttachmentKey): readonly GantryError[] {
  try {
    context.store.remove(key);
    return [];
  } catch (error) {
    return [expectGantryError(error)];
  }
}

async function findAttachment(
  context: CniContext,
  key: AttachmentKey,
  fallback: DetachFallback | undefined,
): Promise<Attachment | undefined> {
  try {
    const kept = context.store.read(key);
    if (kept !== undefined || fallback === undefined) return kept;
  } catch (error) {
    if (fallback === undefined || !isLost(error)) throw error;
  }

  const { version } = await negotiate(context.versions, fallback.network);
  const { network, parameters } = fallback;
  return {
    state: 'attaching',
    network,
    version,
    parameters,
    time: 0,
    result: undefined,
    rawResult: undefined,
  };
}

function isLost(error: unknown): boolean {
  return expectGantryError(error).code === 'CNI_ATTACHMENT_UNREADABLE';
}

/**
 * Detaches a container from everything, the newest attachment first; one that
 * fails does not keep the others.
 * @throws GantryError as `detach`
 */
export async function detachContainer(
  context: CniContext,
  containerId: AttachmentKey['containerId'],
): Promise<readonly Attachment[]> {
  const { attachments, lost } = context.store.list(containerId);
  const failures: GantryError[] = lost.map(({ error }) => error);
  const detached: Attachment[] = [];

  for (const attachment of attachments.toReversed()) {
    try {
      await detach(context, attachment.parameters);
      detached.push(attachment);
    } catch (error) {
      failures.push(expectGantryError(error));
    }
  }
  const [first, ...further] = failures;
  if (first !== undefined) throw withFurtherFailures(first, further);

  return detached;
}
