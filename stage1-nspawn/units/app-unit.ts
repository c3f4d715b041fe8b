import { type Rlimit, UNLIMITED } from '#base/kernel/kernel';
import { boundingSet, DEFAULT_CAPABILITIES } from '#schema/isolators/capabilities';
import type { IsolatorValues } from '#schema/isolators/isolators-of';
import type { AcName } from '#schema/types/names';
import {
  appRootfsInside,
  appUnitName,
  type Identity,
  type RestartPolicy,
  type StdioModes,
} from '#stage1';
import { seccompSettings } from '../seccomp/filter.ts';
import { restartServiceSettings, restartUnitSettings } from './backoff.ts';
import { appMarkNames } from './marks.ts';
import {
  endedUnitName,
  failedUnitName,
  LIVE_TARGET,
  overTargetName,
  socketsName,
} from './names.ts';
import { commandLine, plainValue } from './quote.ts';
import type { UnitSocket } from './socket-units.ts';
import { type AppStreams, carriedStreams, streamSettings, streamUnitNames } from './streams.ts';
import { BEFORE_EXIT, type Command, ROOT_SLICE, type Setting, type Unit } from './unit.ts';

/** An app with everything looked up: names are numbers, paths are absolute and inside the app. */
export interface PlannedApp {
  readonly name: AcName;
  readonly imageName: string;
  readonly command: Command;
  readonly preStart?: Command | undefined;
  readonly postStop?: Command | undefined;
  readonly workingDir: string;
  readonly identity: Identity;
  /** Variables that systemd sets and the app is not to see. */
  readonly unsetVariables: readonly string[];
  readonly isolators: IsolatorValues;
  readonly restart: RestartPolicy;
  readonly stdio: StdioModes;
  /** Reports readiness by sd_notify(3). */
  readonly notifies: boolean;
  /** The signal that stops it, `SIG…`; SIGTERM when undefined. */
  readonly stopSignal?: string | undefined;
  /** What of the pod it does not see, since a volume is there. */
  readonly replaced: readonly ReplaceablePath[];
  /** Device nodes among its volumes. */
  readonly devices: readonly AppDevice[];
  /** Handed to it from descriptor 3 on, in this order. */
  readonly sockets: readonly UnitSocket[];
}

export interface AppDevice {
  readonly type: 'char' | 'block';
  readonly major: number;
  readonly minor: number;
  readonly readOnly: boolean;
}

/** What holds for all apps of a pod. */
export interface PodIsolation {
  readonly streams: AppStreams;
  readonly capabilities: boolean;
  readonly paths: boolean;
  readonly seccomp: boolean;
  /** As the caller had them. */
  readonly limits: Limits;
}

/** By the name of the resource: `NOFILE`. */
export type Limits = Readonly<Record<string, Rlimit>>;

/** What apps see of sysfs, read-only; the rest is not even there. */
export const SYSFS_PARTS = ['block', 'bus', 'class', 'dev', 'devices', 'kernel'] as const;

/** Power meters of the processor, by which one can eavesdrop on it. */
const POWERCAP = '/sys/devices/virtual/powercap';

/** What of the pod every app sees; /dev itself is the app's own. */
export const SHARED_PATHS = ['/proc', '/dev/pts', '/dev/console'] as const;

/** What of the pod an app sees unless a volume is there. */
export const REPLACEABLE_PATHS = ['/dev/shm', '/dev/mqueue', '/dev/log'] as const;

export type ReplaceablePath = (typeof REPLACEABLE_PATHS)[number];

const DEV_LOG = '/run/systemd/journal/dev-log';

/** Where an app's environment lies, as PID 1 sees it (the contract's `rkt/env`). */
export const environmentPathInside = (app: string): string => `/rkt/env/${app}`;

/** The service that an app is. */
export function appUnit(app: PlannedApp, pod: PodIsolation): Unit {
  const carriers = streamUnitNames(pod.streams, app);
  const over = carriedStreams(pod.streams, app).length === 0 ? [] : [overTargetName(app.name)];
  const handed = app.sockets.length === 0 ? [] : [socketsName(app.name)];

  return {
    name: appUnitName(app.name),
    unit: [
      ['Description', plainValue(`Application=${app.name} Image=${app.imageName}`, 'description')],
      ['DefaultDependencies', 'no'],
      ['Requires', [LIVE_TARGET, 'systemd-journald.socket', ...handed].join(' ')],
      ['After', [LIVE_TARGET, 'systemd-journald.socket', ...carriers, ...handed].join(' ')],
      ['Wants', [...appMarkNames(app), ...carriers].join(' ')],
      ...restartUnitSettings(app.name, app.restart),
      ...BEFORE_EXIT,
      ['OnSuccess', [endedUnitName(app.name), ...over].join(' ')],
      ['OnFailure', [failedUnitName(app.name), ...over].join(' ')],
    ],
    service: [
      ...handed.map((name) => ['Sockets', name] as const),
      ...processSettings(app),
      ...rootSettings(app, pod),
      ...streamSettings(pod.streams, app),
      ...identitySettings(app.identity),
      ...isolationSettings(app, pod),
      ...limitSettings(pod.limits),
    ],
  };
}

function processSettings(app: PlannedApp): readonly Setting[] {
  return [
    ['Type', app.notifies ? 'notify' : 'exec'],
    ROOT_SLICE,
    ...(app.notifies ? [['NotifyAccess', 'all'] as const] : []),
    // An app finds signals as the kernel has them.
    ['IgnoreSIGPIPE', 'no'],
    ...(app.stopSignal === undefined ? [] : [['KillSignal', app.stopSignal] as const]),
    ...restartServiceSettings(app.restart),
    ['EnvironmentFile', environmentPathInside(app.name)],
    ...(app.unsetVariables.length === 0
      ? []
      : [['UnsetEnvironment', app.unsetVariables.join(' ')] as const]),
    ...(app.preStart === undefined
      ? []
      : [['ExecStartPre', commandLine({ ...app.preStart, prefix: '!' })] as const]),
    ['ExecStart', commandLine(app.command)],
    ...(app.postStop === undefined
      ? []
      : [['ExecStopPost', commandLine({ ...app.postStop, prefix: '!' })] as const]),
  ];
}

function rootSettings(app: PlannedApp, pod: PodIsolation): readonly Setting[] {
  const sysfs = pod.paths ? SYSFS_PARTS.map((part) => `/sys/${part}`) : ['/sys'];
  const shared = REPLACEABLE_PATHS.filter((path) => !app.replaced.includes(path)).map((path) =>
    path === '/dev/log' ? `${DEV_LOG}:${path}` : path,
  );

  return [
    ['RootDirectory', appRootfsInside(app.name)],
    // systemd's own idea of /run and /dev would hide what the image and the volumes put there.
    ['MountAPIVFS', 'no'],
    ['BindPaths', [...SHARED_PATHS, ...shared, ...sysfs].join(' ')],
    ['WorkingDirectory', plainValue(app.workingDir, 'working directory')],
  ];
}

function identitySettings({ uid, gid, supplementaryGids }: Identity): readonly Setting[] {
  return [
    ...(uid === 0 ? [] : [['User', String(uid)] as const]),
    ...(uid === 0 && gid === 0 ? [] : [['Group', String(gid)] as const]),
    ...(supplementaryGids.length === 0
      ? []
      : [['SupplementaryGroups', supplementaryGids.join(' ')] as const]),
  ];
}

function isolationSettings(app: PlannedApp, pod: PodIsolation): readonly Setting[] {
  const { isolators } = app;

  return [
    ...(pod.capabilities ? capabilitySettings(app) : []),
    ...(pod.seccomp ? seccompSettings(isolators.seccomp) : []),
    ...(pod.paths ? pathSettings(app) : []),
    ...(isolators.noNewPrivileges === true ? [['NoNewPrivileges', 'yes'] as const] : []),
  ];
}

function limitSettings(limits: Limits): readonly Setting[] {
  const value = (limit: bigint): string => (limit === UNLIMITED ? 'infinity' : String(limit));

  return Object.entries(limits).map(([name, { soft, hard }]) => [
    `Limit${name}`,
    `${value(soft)}:${value(hard)}`,
  ]);
}

/**
 * Bounding set always; ambient only for another user than root, and only what
 * was asked for by name: rkt left such an app without the very capabilities
 * that were retained for it.
 */
function capabilitySettings({ isolators, identity }: PlannedApp): readonly Setting[] {
  const { capabilities } = isolators;
  const bounding: Setting = ['CapabilityBoundingSet', boundingSet(capabilities).join(' ')];
  if (identity.uid === 0 || capabilities?.mode !== 'retain') return [bounding];

  return [bounding, ['AmbientCapabilities', boundingSet(capabilities).join(' ')]];
}

function pathSettings({ devices }: PlannedApp): readonly Setting[] {
  return [
    // "-": if it is there; "+": in the app's root, not in PID 1's.
    ['InaccessiblePaths', `-+${POWERCAP}`],
    ['DevicePolicy', 'closed'],
    ...devices.map(deviceSetting),
  ];
}

function deviceSetting({ type, major, minor, readOnly }: AppDevice): Setting {
  return ['DeviceAllow', `/dev/${type}/${major}:${minor} ${readOnly ? 'r' : 'rw'}`];
}

/** The capabilities beyond nspawn's own that the apps' bounding sets need. */
export function podCapabilities(apps: readonly PlannedApp[]): readonly string[] {
  const all = apps.flatMap(({ isolators }) => boundingSet(isolators.capabilities));

  return [...new Set(all)].filter(
    (capability) => !(DEFAULT_CAPABILITIES as readonly string[]).includes(capability),
  );
}
