import {
  appEnvironment,
  cannotRunHandler,
  demandWorkingDirectory,
  findExecutable,
  type Identity,
  resolveIdentity,
  type SocketActivation,
} from '#stage1';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import type { AcName } from '#schema/types/names';
import type { FlyPod } from './pod.ts';

/** A program inside the app. */
export interface AppProgram {
  /** Absolute inside the app. */
  readonly path: string;
  readonly argv: readonly [string, ...string[]];
}

/** What the process becomes, once the mounts are in place. */
export interface ProcessPlan {
  readonly app: AcName;
  readonly root: string;
  readonly workingDir: string;
  readonly identity: Identity;
  readonly env: Readonly<Record<string, string>>;
  readonly preStart: AppProgram | undefined;
  readonly main: AppProgram;
}

/**
 * Looks up user, programs and environment in the app's root as it is now,
 * volumes included.
 * @throws GantryError APP_USER_UNKNOWN, APP_GROUP_UNKNOWN, APP_EXEC_NOT_FOUND,
 *   APP_EXEC_NOT_EXECUTABLE, APP_NOT_DESCRIBED, APP_WORKING_DIR_MISSING
 */
export function planProcess(pod: FlyPod, sockets: SocketActivation): ProcessPlan {
  const { root, description, app } = pod;
  const { user, group, supplementaryGIDs = [], workingDirectory = '/' } = description;
  const identity = resolveIdentity(root, {
    user,
    group: pod.ownGroups ? undefined : group,
    supplementaryGids: supplementaryGIDs,
    withMemberships: pod.ownGroups,
    fromDocker: pod.fromDocker,
  });
  const env = appEnvironment({
    appName: app.name,
    environment: description.environment ?? [],
    account: identity.account,
  });
  demandWorkingDirectory(root, { app: app.name, workingDir: workingDirectory });
  const find = (exec: readonly string[]): AppProgram =>
    findProgram(pod, exec, { workingDir: workingDirectory, path: env['PATH'] });
  const preStart = description.eventHandlers?.find(({ name }) => name === 'pre-start');

  return {
    app: app.name,
    root,
    workingDir: workingDirectory,
    identity,
    env: { ...env, ...sockets.env },
    preStart: preStart === undefined ? undefined : findHandler(app.name, () => find(preStart.exec)),
    main: find(description.exec ?? []),
  };
}

/** @throws GantryError APP_EXEC_NOT_FOUND, APP_EXEC_NOT_EXECUTABLE, with the handler's name */
function findHandler(app: AcName, find: () => AppProgram): AppProgram {
  try {
    return find();
  } catch (error) {
    if (!isGantryError(error)) throw error;
    const message = cannotRunHandler('pre-start', app, error.message);
    throw new GantryError(error.code, message, { cause: error });
  }
}

function findProgram(
  { root, app }: FlyPod,
  exec: readonly string[],
  place: { readonly workingDir: string; readonly path: string | undefined },
): AppProgram {
  const [program, ...args] = exec;
  if (program === undefined) {
    throw new GantryError(
      'APP_NOT_DESCRIBED',
      `cannot run app "${app.name}": nothing to execute is named`,
      { hint: 'name a program with --exec' },
    );
  }

  return { path: findExecutable(root, { program, ...place }), argv: [program, ...args] };
}
