import { causeChain, errorMessage } from '#base/errors/gantry-error';
import { describeEnd, exitStatusOf } from '#base/exec/exec-result';
import {
  cannotRunHandler,
  type EntrypointHost,
  enterWorkingDirectory,
  executableExitCode,
  restoreOpenFiles,
  restoreUmask,
} from '#stage1';
import { becomeProgram } from './become-program.ts';
import type { AppProgram, ProcessPlan } from './plan-process.ts';

/** What carries the plan out, and what the app inherits besides standard input and output. */
export interface ProcessSurroundings {
  readonly host: EntrypointHost;
  readonly keep: readonly number[];
}

/** Exit status of what is neither the app's nor for want of it (design, section 4). */
const EXIT_FAILURE = 254;

/**
 * Enters the app's root, runs its pre-start handler, then becomes the app.
 * What fails in the app's root is told here and now: the program's own files,
 * that it would need to present an error, are out of reach.
 * @returns only when it did not come to that: the exit status, explained in the log
 * @throws GantryError KERNEL_CALL_FAILED when the root cannot be entered
 */
export function performProcess(surroundings: ProcessSurroundings, plan: ProcessPlan): number {
  const { kernel, log } = surroundings.host;
  kernel.chroot(plan.root);
  try {
    return becomeApp(surroundings, plan);
  } catch (error) {
    const status = executableExitCode(error);
    log.error(status === undefined ? causeChain(error).join(': ') : errorMessage(error));
    return status ?? EXIT_FAILURE;
  }
}

function becomeApp({ host, keep }: ProcessSurroundings, plan: ProcessPlan): number {
  const { kernel, caller } = host;
  process.chdir(plan.workingDir);
  restoreOpenFiles(kernel, caller);
  restoreUmask(kernel, caller);

  if (plan.preStart !== undefined) {
    const status = runHandler(host, plan, plan.preStart);
    if (status !== 0) return status;
  }
  becomeUser(host, plan);
  // Root may go where the user may not.
  enterWorkingDirectory(plan);

  return becomeProgram(host, { ...plan.main, env: plan.env, keep });
}

/** Handlers run as root, whoever the app runs as. */
function runHandler(host: EntrypointHost, plan: ProcessPlan, handler: AppProgram): number {
  const [, ...args] = handler.argv;
  const result = host.exec.runSync({
    argv: [handler.path, ...args],
    env: plan.env,
    cwd: plan.workingDir,
    stdin: 'inherit',
    stdout: 'inherit',
    stderr: 'inherit',
  });
  const status = exitStatusOf(result);
  if (status !== 0) {
    host.log.error(cannotRunHandler('pre-start', plan.app, describeEnd(result)));
  }

  return status;
}

function becomeUser({ kernel }: EntrypointHost, { identity }: ProcessPlan): void {
  kernel.setGroups(identity.supplementaryGids);
  kernel.setGid(identity.gid);
  kernel.setUid(identity.uid);
}
