import type { GantryError } from '#base/errors/gantry-error';
import { expectGantryError, withFurtherFailures } from '../invoke/further-failures.ts';
import { type AttachRequest, attach } from './attach.ts';
import type { Attachment } from './attachment.ts';
import type { CniContext } from './context.ts';
import { detach } from './detach.ts';

/**
 * Attaches a container to several networks: stage after stage, the networks of
 * a stage at the same time. Which do not depend on each other is for the caller
 * to say. When one fails, all that were attached are detached in reverse order.
 * @returns the attachments in the order of the requests
 * @throws GantryError as `attach`; `furtherFailuresOf` tells what failed beside the first and what could not be undone
 */
export async function attachAll(
  context: CniContext,
  stages: readonly (readonly AttachRequest[])[],
): Promise<readonly Attachment[]> {
  const attached: Attachment[] = [];

  for (const stage of stages) {
    const { made, failures } = await runStage(context, stage);
    attached.push(...made);
    const [first, ...further] = failures;
    if (first !== undefined) {
      const left = await undoAll(context, attached);
      throw withFurtherFailures(first, [...further, ...left]);
    }
  }

  return attached;
}

interface StageOutcome {
  readonly made: readonly Attachment[];
  readonly failures: readonly GantryError[];
}

/** Runs one stage to its end: what one network's failure leaves behind can only be undone when the others are done. */
async function runStage(
  context: CniContext,
  stage: readonly AttachRequest[],
): Promise<StageOutcome> {
  const outcomes = await Promise.allSettled(stage.map((request) => attach(context, request)));

  return {
    made: outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    failures: outcomes.flatMap((one) =>
      one.status === 'rejected' ? [expectGantryError(one.reason)] : [],
    ),
  };
}

async function undoAll(
  context: CniContext,
  attached: readonly Attachment[],
): Promise<readonly GantryError[]> {
  const failures: GantryError[] = [];
  for (const { parameters } of attached.toReversed()) {
    try {
      await detach(context, parameters);
    } catch (error) {
      failures.push(expectGantryError(error));
    }
  }

  return failures;
}
