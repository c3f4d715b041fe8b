import { statSync } from 'node:fs';
import { posix } from 'node:path';
import { errorMessage, GantryError } from '#base/errors/gantry-error';
import type { EventHandler } from '#schema/pod/pod-manifest';
import {
  type AppMount,
  appEnvironment,
  cannotRunHandler,
  demandWorkingDirectory,
  executableExitCode,
  findExecutable,
  type Identity,
  resolveIdentity,
  restartOf,
  stdioModesOf,
} from '#stage1';
import type { AppDevice, PlannedApp, ReplaceablePath } from '../units/app-unit.ts';
import type { AppSocket } from '../sockets/assign-sockets.ts';
import type { Command } from '../units/unit.ts';
import { carriedVariables, carry } from './carrier.ts';
import { passesAll } from './closed-folder.ts';
import { type ExecObstacle, foreseeEntry, foreseeExec } from './exec-outlook.ts';
import type { LoadedApp } from './pod.ts';

/** An app ready to be written down. */
export interface AppPlan {
  readonly unit: PlannedApp;
  readonly environment: Readonly<Record<string, string>>;
  /** Why systemd cannot execute the app, and what that means; undefined when it should be able to. */
  readonly obstacle: ExecObstacle | undefined;
  /** Why systemd cannot execute the post-stop handler, which the app may yet bring. */
  readonly postStopObstacle: string | undefined;
  /** What is sure to fail, for the user. */
  readonly forecast: string | undefined;
}

/** What systemd tells every service and an app need not know; without a terminal, not what kind it is either. */
const SYSTEMD_VARIABLES = ['LANG', 'INVOCATION_ID', 'SYSTEMD_EXEC_PID'] as const;
const TERMINAL_VARIABLE = 'TERM';

/** What surrounds the app. */
export interface AppSetting {
  readonly volumes: readonly AppMount[];
  /** What of the pod a volume is in the place of. */
  readonly replaced: readonly ReplaceablePath[];
  /** Whether it has the caller's terminal. */
  readonly terminal: boolean;
  readonly sockets: readonly AppSocket[];
  /** Whether the pod has no other app. */
  readonly alone: boolean;
}

/**
 * Looks everything up that an app's manifest leaves open, in the app's root
 * with its mounts in place.
 * @throws GantryError APP_USER_UNKNOWN, APP_GROUP_UNKNOWN, APP_WITHOUT_EXEC, APP_WORKING_DIR_MISSING
 */
export function planApp(app: LoadedApp, setting: AppSetting): AppPlan {
  const { volumes, replaced, terminal, sockets } = setting;
  const { runtime, description, root } = app;
  const { name } = runtime;
  const identity = resolveIdentity(root, {
    user: description.user,
    group: app.ownGroups ? undefined : description.group,
    supplementaryGids: description.supplementaryGIDs ?? [],
    withMemberships: app.ownGroups,
    fromDocker: app.fromDocker,
  });
  const stdio = stdioModesOf(runtime);
  const environment: Readonly<Record<string, string>> = {
    // As podman and docker have it: what most terminals can do that somebody may attach.
    ...(stdio.stdout === 'tty' ? { [TERMINAL_VARIABLE]: 'xterm' } : {}),
    ...appEnvironment({
      appName: name,
      environment: description.environment ?? [],
      account: identity.account,
    }),
  };
  const workingDir = posix.resolve('/', description.workingDirectory ?? '/');
  demandWorkingDirectory(root, { app: name, workingDir });
  const place: Place = { root, workingDir, path: environment['PATH'] };
  const carried = carriedVariables(environment);
  const main = lookUp(place, demandExec(app));
  const handlerPlace = { ...place, environment };
  const preStart = findHandler(app, handlerPlace, 'pre-start');
  const postStop = findHandler(app, handlerPlace, 'post-stop');
  const obstacle = obstacleOf(app, setting, { main, workingDir, environment, identity });
  const unset = terminal ? SYSTEMD_VARIABLES : [...SYSTEMD_VARIABLES, TERMINAL_VARIABLE];

  return {
    unit: {
      name,
      imageName: app.imageName,
      command: carry(main.command, carried),
      preStart: preStart === undefined ? undefined : carry(preStart.command, carried),
      postStop: postStop === undefined ? undefined : carry(postStop.command, carried),
      workingDir,
      identity,
      unsetVariables: unset.filter((variable) => !(variable in environment)),
      isolators: app.isolators,
      restart: restartOf(runtime),
      stdio,
      notifies: app.notifies,
      stopSignal: app.stopSignal,
      replaced,
      devices: volumes.flatMap(deviceOf),
      sockets,
    },
    environment: withSocketNames(environment, sockets),
    obstacle,
    postStopObstacle: postStop?.obstacle?.message,
    // A pre-start handler may yet bring what the app is to execute.
    forecast: preStart === undefined ? obstacle?.message : forecastHandler(name, preStart),
  };
}

function forecastHandler(app: string, { obstacle }: LookedUp): string | undefined {
  return obstacle && cannotRunHandler('pre-start', app, obstacle.message);
}

interface Attempt {
  readonly main: LookedUp;
  readonly workingDir: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly identity: Identity;
}

/** What systemd comes to first; of several apps it is told whose program it is. */
function obstacleOf(
  app: LoadedApp,
  { alone }: AppSetting,
  { main, workingDir, environment, identity }: Attempt,
): ExecObstacle | undefined {
  const { root } = app;
  const { name } = app.runtime;
  const runner = { ...identity, passesAll: keepsPassing(app) };
  const entry = foreseeEntry(root, { app: name, workingDir }, runner);
  if (entry !== undefined) return entry;

  const obstacle = main.obstacle ?? foreseeExec(root, { ...main.command, environment }, runner);
  if (alone || obstacle === undefined) return obstacle;
  return { ...obstacle, message: `app "${name}": ${obstacle.message}` };
}

/** Only what was retained by name is left to somebody else than root. */
function keepsPassing({ isolators: { capabilities } }: LoadedApp): boolean {
  return capabilities?.mode === 'retain' && passesAll(capabilities.set);
}

/** The variables of socket activation are systemd's to set; the names alone it knows for all sockets of a unit only. */
function withSocketNames(
  { LISTEN_FDS: _count, LISTEN_PID: _pid, ...environment }: Readonly<Record<string, string>>,
  sockets: readonly AppSocket[],
): Readonly<Record<string, string>> {
  if (sockets.length === 0) return environment;

  return { ...environment, LISTEN_FDNAMES: sockets.map(({ name }) => name).join(':') };
}

interface Place {
  readonly root: string;
  readonly workingDir: string;
  readonly path: string | undefined;
}

interface LookedUp {
  readonly command: Command;
  readonly obstacle: ExecObstacle | undefined;
}

/** A program that is not there is left to systemd to fail on: a pre-start handler may yet bring it. */
function lookUp(place: Place, exec: readonly [string, ...string[]]): LookedUp {
  const [program] = exec;
  try {
    return {
      command: { path: findExecutable(place.root, { ...place, program }), argv: exec },
      obstacle: undefined,
    };
  } catch (error) {
    const status = executableExitCode(error);
    if (status === undefined) throw error;
    const path = posix.resolve('/', place.workingDir, program);
    return { command: { path, argv: exec }, obstacle: { status, message: errorMessage(error) } };
  }
}

function demandExec({ runtime, description }: LoadedApp): readonly [string, ...string[]] {
  const [program, ...args] = description.exec ?? [];
  if (program !== undefined && program !== '') return [program, ...args];

  throw new GantryError(
    'APP_WITHOUT_EXEC',
    `cannot run app "${runtime.name}": its image does not say what to execute`,
    { hint: 'name a program with --exec' },
  );
}

/** Handlers run as root. */
const ROOT = { uid: 0, gid: 0, supplementaryGids: [], account: undefined } as const;

function findHandler(
  app: LoadedApp,
  { environment, ...place }: Place & { readonly environment: Readonly<Record<string, string>> },
  name: EventHandler['name'],
): LookedUp | undefined {
  const found = app.description.eventHandlers?.find((each) => each.name === name);
  const [program, ...args] = found?.exec ?? [];
  if (program === undefined) return undefined;

  const { command, obstacle } = lookUp(place, [program, ...args]);

  return {
    command,
    obstacle: obstacle ?? foreseeExec(place.root, { ...command, environment }, ROOT),
  };
}

/** A volume whose source is a device node makes the device usable. */
function deviceOf({ source, readOnly }: AppMount): readonly AppDevice[] {
  const stats = statSync(source);
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return [];

  const { major, minor } = deviceNumbers(stats.rdev);
  return [{ type: stats.isBlockDevice() ? 'block' : 'char', major, minor, readOnly }];
}

/** gnu_dev_major(3) and gnu_dev_minor(3), for numbers of up to 32 bits, which is all Linux has. */
function deviceNumbers(rdev: number): { readonly major: number; readonly minor: number } {
  return {
    major: (rdev >>> 8) & 0xfff,
    minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
  };
}
