import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { parsePodManifest } from '#schema/pod/pod-manifest';
import type { AcName } from '#schema/types/names';
import {
  appRootfsInside,
  appUnitName,
  demandWorkingDirectory,
  type EnterArguments,
  type EntrypointHost,
  findExecutable,
  type Identity,
  podManifestPath,
  resolveIdentity,
} from '#stage1';
import { CARRIER_PATH, carriedVariables, carry } from '../init/carrier.ts';
import { type ExecObstacle, foreseeEntry, foreseeExec } from '../init/exec-outlook.ts';
import type { RunningPod } from '../session/running-pod.ts';
import { serviceSettings, type SessionPlan } from '../session/session-unit.ts';
import { environmentPathInside } from '../units/app-unit.ts';
import { formatEnvironmentFile, parseEnvironmentFile } from '../units/quote.ts';
import { UNIT_DIR } from '../units/write-unit.ts';

export interface EntryRequest extends EnterArguments {
  /** Whether the command gets a terminal. */
  readonly terminal: boolean;
}

/** A command with everything looked up. */
export interface EntryPlan extends Omit<SessionPlan, 'id' | 'terminal'> {
  readonly appUnit: string;
  readonly environment: string;
  /** Of the user it runs as. */
  readonly uid: number;
  /** Why the kernel will not execute it, as far as that is to be foreseen. */
  readonly obstacle: ExecObstacle | undefined;
}

/**
 * Looks up in the app's root what a request leaves open.
 * @throws GantryError APP_NOT_FOUND, APP_USER_UNKNOWN, APP_GROUP_UNKNOWN, APP_WORKING_DIR_MISSING, APP_EXEC_NOT_FOUND, APP_EXEC_NOT_EXECUTABLE
 */
export function planEntry(
  { podDir, env: callerEnv }: EntrypointHost,
  pod: RunningPod,
  request: EntryRequest,
): EntryPlan {
  const app = demandApp(podDir, request.app);
  const readInside = (path: string): string => readFileSync(join(pod.root, path), 'utf8');
  const appUnit = readInside(join(UNIT_DIR, appUnitName(app)));
  const settings = new Map(serviceSettings(appUnit));
  const root = join(pod.root, appRootfsInside(app));
  const identity = identityFor(root, settings, request);
  const ownDir = (settings.get('WorkingDirectory') ?? '/').replaceAll('%%', '%');
  const workingDir = request.workingDir ?? ownDir;
  demandWorkingDirectory(root, { app, workingDir });

  const appEnvironment = parseEnvironmentFile(readInside(environmentPathInside(app)));
  const added = addedVariables(request, identity, callerEnv['TERM']);
  const environment = { ...appEnvironment, ...added };
  const [program] = request.command;
  const path = findExecutable(root, { program, workingDir, path: environment['PATH'] });
  const carried = carriedVariables(environment);
  if (carried.length > 0 && !existsSync(join(root, CARRIER_PATH))) throw notCarried(carried);
  if (identity !== undefined) addAccount(pod, identity);
  const runsAs = identity ?? ownIdentity(settings);

  return {
    command: carry({ path: posix.resolve('/', path), argv: request.command }, carried),
    identity,
    workingDir: request.workingDir,
    appUnit,
    environment: formatEnvironmentFile(added),
    uid: runsAs.uid,
    obstacle:
      foreseeEntry(root, { app, workingDir }, runsAs) ??
      foreseeExec(root, { path, argv: request.command, environment }, runsAs),
  };
}

function demandApp(podDir: string, app: string): AcName {
  const { apps } = parsePodManifest(readFileSync(podManifestPath(podDir), 'utf8'));
  const name = apps.find((each) => each.name === app)?.name;
  if (name !== undefined) return name;

  throw new GantryError('APP_NOT_FOUND', `cannot enter app "${app}": the pod has no such app`);
}

/** Another user comes with its own group, and with none of the app's further ones. @returns undefined for the app's */
function identityFor(
  root: string,
  settings: ReadonlyMap<string, string>,
  { user, group }: EntryRequest,
): Identity | undefined {
  if (user === undefined && group === undefined) return undefined;
  const own = ownIdentity(settings);

  return resolveIdentity(root, {
    user: user ?? String(own.uid),
    group: group ?? (user === undefined ? String(own.gid) : undefined),
    supplementaryGids: user === undefined ? own.supplementaryGids : [],
  });
}

/** The app's, as its unit has it. */
function ownIdentity(settings: ReadonlyMap<string, string>): Identity {
  return {
    uid: Number(settings.get('User') ?? 0),
    gid: Number(settings.get('Group') ?? 0),
    supplementaryGids: settings.get('SupplementaryGroups')?.split(' ').map(Number) ?? [],
    account: undefined,
  };
}

function addedVariables(
  { environment = [], terminal }: EntryRequest,
  identity: Identity | undefined,
  term: string | undefined,
): Readonly<Record<string, string>> {
  const account = identity?.account;

  return {
    ...(terminal && term !== undefined ? { TERM: term } : {}),
    ...(account === undefined
      ? {}
      : { USER: account.name, LOGNAME: account.name, HOME: account.home || '/' }),
    ...Object.fromEntries(
      environment.map((each) => [
        each.slice(0, each.indexOf('=')),
        each.slice(each.indexOf('=') + 1),
      ]),
    ),
  };
}

/** systemd runs nobody who is not in stage1's own files. */
function addAccount({ root }: RunningPod, { uid, gid, supplementaryGids }: Identity): void {
  const ensure = (file: string, id: number, line: string): void => {
    const path = join(root, 'etc', file);
    if (id === 0 || new RegExp(`^[^:]*:x:${id}:`, 'm').test(readFileSync(path, 'utf8'))) return;
    appendFileSync(path, line);
  };
  ensure('passwd', uid, `u${uid}:x:${uid}:65534::/:/bin/sh\n`);
  for (const id of [gid, ...supplementaryGids]) ensure('group', id, `g${id}:x:${id}:\n`);
}

function notCarried(carried: readonly string[]): GantryError {
  const names = carried.map((each) => each.slice(0, each.indexOf('='))).join(', ');

  return new GantryError(
    'VARIABLE_NOT_PASSED',
    `cannot pass the variable ${names}: systemd passes names of letters, digits and "_" only`,
    { hint: 'set it with "env" of the image' },
  );
}
