import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import type { NetworkConfig } from '../config/network-config.ts';
import { expectGantryError, withFurtherFailures } from '../invoke/further-failures.ts';
import { negotiate } from '../invoke/negotiate.ts';
import { type AttachmentParameters, checkParameters } from '../invoke/parameters.ts';
import type { Attachment } from './attachment.ts';
import type { CniContext } from './context.ts';
import { removeRecord } from './detach.ts';
import { withNetworkLock } from './network-lock.ts';
import {
  addChain,
  type Chain,
  type ChainResult,
  type DeleteTargets,
  deleteChain,
} from './run-chain.ts';

/** A container to be attached to a network. */
export interface AttachRequest {
  readonly network: NetworkConfig;
  readonly parameters: AttachmentParameters;
  /** Gives up: what is running is ended, what was done is undone. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Attaches a container to a network: a record is written, the plugins are run,
 * the record gets the result. When a plugin fails, it and those before it are
 * asked to DEL in reverse order; the record stays only if that fails too.
 * @throws GantryError CNI_PARAMETERS_INVALID, CNI_ATTACHMENT_EXISTS, CNI_VERSION_UNSUPPORTED,
 * CNI_PLUGIN_NOT_FOUND, CNI_PLUGIN_FAILED, CNI_ATTACHMENT_NOT_WRITTEN, CNI_GIVEN_UP;
 * `furtherFailuresOf` tells what could not be undone
 */
export async function attach(context: CniContext, request: AttachRequest): Promise<Attachment> {
  const { network, parameters, signal } = request;
  checkParameters(parameters);
  const negotiated = await negotiate(context.versions, network);

  const lock = { network: network.name, mode: 'shared', signal } as const;
  return await withNetworkLock(context, lock, async () => {
    refuseSecond(context, parameters);
    const begun = begin(context, { negotiated, parameters });
    const chain: Chain = { negotiated, parameters, signal };
    const outcome = await addChain(context.runner, chain);
    if (!outcome.done) {
      const { plugins, last } = outcome;
      const failures = await undo(context, chain, { plugins, raw: last?.raw, unfinished: true });
      throw withFurtherFailures(outcome.error, failures);
    }

    return await finish(context, { chain, begun, result: outcome.result });
  });
}

/** The spec forbids a second ADD without a DEL between; the first may be of a process that was killed. */
function refuseSecond({ store }: CniContext, parameters: AttachmentParameters): void {
  const { containerId, ifName } = parameters;
  const found = store.read(parameters);
  if (found === undefined) return;

  throw new GantryError(
    'CNI_ATTACHMENT_EXISTS',
    `cannot attach the container ${quoted(containerId)}: its interface ${quoted(ifName)} is attached to the network ${quoted(found.network.name)}`,
    { hint: 'detach it first' },
  );
}

/** Leaves the trace that DEL needs if this process dies. */
function begin(
  { store, now }: CniContext,
  { negotiated, parameters }: Pick<Chain, 'negotiated' | 'parameters'>,
): Attachment {
  const { network, version } = negotiated;
  const attachment: Attachment = {
    state: 'attaching',
    network,
    version,
    parameters,
    time: now(),
    result: undefined,
    rawResult: undefined,
  };
  store.write(attachment, false);

  return attachment;
}

interface Finish {
  readonly chain: Chain;
  readonly begun: Attachment;
  readonly result: ChainResult;
}

async function finish(
  context: CniContext,
  { chain, begun, result: { result, raw } }: Finish,
): Promise<Attachment> {
  const attachment: Attachment = { ...begun, state: 'attached', result, rawResult: raw };
  try {
    context.store.write(attachment, true);
  } catch (error) {
    const { plugins } = begun.network;
    const failures = await undo(context, chain, { plugins, raw, unfinished: false });
    throw withFurtherFailures(expectGantryError(error), failures);
  }

  return attachment;
}

/** DEL of what was run, whatever the caller gave up; the record goes when nothing is left of it. */
async function undo(
  context: CniContext,
  { negotiated, parameters }: Chain,
  done: DeleteTargets,
): Promise<readonly GantryError[]> {
  const failures = await deleteChain(context.runner, { negotiated, parameters }, done);

  return failures.length > 0 ? failures : removeRecord(context, parameters);
}
