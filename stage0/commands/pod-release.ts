import { writeFileSync } from 'node:fs';
import { tryLockPath } from '#base/lock/directory-lock';
import { parsePodUuid } from '#schema/types/pod-uuid';
import { type Command, plainCommand } from '../cli/command.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { releaseLockPath } from '#stage1';
import type { OperationContext } from '../operations/context.ts';
import { type Library, openLibrary } from '../operations/library.ts';
import { releasePod } from '../operations/release.ts';
import { tryLockPod } from '../pod/find-pod.ts';
import type { LockedPod } from '../pod/locked-pod.ts';

/**
 * `gantry pod-release UUID`, for the waiter of a pod: gives back what the pod
 * held, once it has ended. A pod that lives, is gone, or is in somebody else's
 * hands is nobody's business here: whoever removes it releases it first.
 */
export const command: Command = plainCommand({
  usage: 'UUID',
  description:
    'Gives back what a pod held that has ended. For the waiter that gantry starts with a pod.',
  options: {},
  words: { min: 1, max: 1 },

  async run({ call, globals, words: [text = ''] }) {
    const uuid = parsePodUuid(text);
    using workplace = await openWorkplace(call, globals);
    const { context } = workplace;
    using library = openLibrary(context);
    for (const phase of ['run', 'exited-garbage'] as const) {
      using pod = tryLockPod(context.kernel, { dataDir: context.dataDir, uuid, phase }, 'shared');
      if (pod !== undefined) await releaseAlone(context, library, pod);
    }

    return 0;
  },
});

/** The pod has ended, and must be seen so: its own lock, taken exclusively, would say that it lives. */
async function releaseAlone(
  context: OperationContext,
  library: Library,
  pod: LockedPod<'run' | 'exited-garbage'>,
): Promise<void> {
  const path = releaseLockPath(pod.dir);
  writeFileSync(path, '', { flag: 'a' });
  using lock = tryLockPath(context.kernel, path, 'exclusive');
  if (lock !== undefined) await releasePod(context, library, pod);
}
