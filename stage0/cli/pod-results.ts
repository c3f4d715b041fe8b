import type { PodUuid } from '#schema/types/pod-uuid';
import { findPod, type PodSelector } from '../operations/list.ts';
import type { PodResult } from '../operations/outcomes.ts';
import { reportAll } from './report-all.ts';
import type { Workplace } from './workplace.ts';

/**
 * Does one thing to many pods, one after the other; prints the UUID, in quotes
 * as rkt did, of each for which it worked, and tells about the others.
 * @returns the exit status
 */
export async function reportPods(
  workplace: Workplace,
  selectors: readonly PodSelector[],
  operation: (uuids: readonly PodUuid[]) => Promise<readonly PodResult[]>,
): Promise<number> {
  const { call, context } = workplace;

  return await reportAll(workplace, selectors, async (selector) => {
    const [result] = await operation([findPod(context, selector)]);
    if (result?.error !== undefined) throw result.error;
    if (result !== undefined) call.output.write(`"${result.uuid}"\n`);
  });
}
