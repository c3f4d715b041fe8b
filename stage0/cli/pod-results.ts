import type { PodUuid } from '#schema/types/pod-uuid';
import { findPod, type PodSelector } from '../operations/list.ts';
import type { PodResult } from '../operations/outcomes.ts';
import { reportAll } from './report-all.ts';
import type { Workplace } from './workplace.ts';

/**
 * Does one thing to many pods; prints the UUID, in quotes as rkt did, of each
 * for which it worked, and tells about the others. Which pods are meant is found
 * out before anything is done to one.
 * @returns the exit status
 */
export async function reportPods(
  workplace: Workplace,
  selectors: readonly PodSelector[],
  operation: (uuids: readonly PodUuid[]) => AsyncIterable<PodResult>,
): Promise<number> {
  const { call, context } = workplace;
  const uuids = new Set<PodUuid>();
  const found = await reportAll(workplace, selectors, (selector) => {
    uuids.add(findPod(context, selector));
  });
  const done = await reportAll(workplace, operation([...uuids]), ({ uuid, error }) => {
    if (error !== undefined) throw error;
    call.output.write(`"${uuid}"\n`);
  });

  return Math.max(found, done);
}
