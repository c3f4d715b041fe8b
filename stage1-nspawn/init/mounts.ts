import { SYSFS_PARTS } from '../units/app-unit.ts';
import {
  type AppMount,
  type BindMount,
  type RootMountStep,
  type RunArguments,
  resolvConfPath,
  type WorkingDirectory,
} from '#stage1';
import type { AppHosts } from '../network/app-hosts.ts';
import { CARRIER_PATH } from './carrier.ts';

/** One step on the way to what an app sees; targets are absolute inside the app. */
export type MountStep =
  | RootMountStep
  /** A volume, where the pod leaves room for it. */
  | VolumeStep
  /** A place that systemd mounts on later, when the pod is there. */
  | { readonly kind: 'place'; readonly target: string }
  /** A file that something is mounted on later, when more is known. */
  | { readonly kind: 'place-file'; readonly target: string }
  /** A /dev of the app's own. */
  | { readonly kind: 'devices'; readonly target: string }
  /** A read-only folder with places for parts of sysfs. */
  | { readonly kind: 'sysfs'; readonly target: string; readonly parts: readonly string[] };

export interface VolumeStep extends BindMount {
  readonly kind: 'volume';
  readonly volume: string;
}

/** What the plan for one app is made of. */
export interface AppMountsPlan {
  readonly podDir: string;
  readonly volumes: readonly AppMount[];
  /** Directories of the root that stay writable whatever becomes of it. */
  readonly kept: readonly string[];
  readonly readOnlyRoot: boolean;
  /** The app's working directory when it is made where it is missing, as images of the OCI count on. */
  readonly workplace?: WorkingDirectory | undefined;
  /** Whether the app sees all of sysfs: `--insecure-options=paths`. */
  readonly wholeSysfs: boolean;
  readonly resolvMode: RunArguments['dnsConfMode']['resolv'];
  /** Undefined: its image's as it is. */
  readonly hosts: AppHosts | undefined;
  /** Whether a network may yet say what is in its resolv.conf. */
  readonly networked: boolean;
  /** A file with the pod's host name. */
  readonly hostname: string;
  /** The program that carries variables for the app, when it needs one. */
  readonly carrier: string | undefined;
}

const RESOLV_CONF = '/etc/resolv.conf';
const HOSTS = '/etc/hosts';

/** Where systemd 252 mounts something of its own, in every root that it gives a service. */
export const INCOMING_PATH = '/run/systemd/incoming';

/** Places that the app's unit binds to, and systemd's. */
const PLACES = ['/proc', INCOMING_PATH] as const;

/** What is mounted where, in order: what the image keeps, the kernel's places, /dev, names, volumes; last the root is sealed. */
export function planAppMounts(plan: AppMountsPlan): readonly MountStep[] {
  return [
    ...(plan.readOnlyRoot ? [{ kind: 'root' } as const] : []),
    ...plan.kept.map((target) => ({ kind: 'keep', target }) as const),
    ...PLACES.map((target) => ({ kind: 'place', target }) as const),
    plan.wholeSysfs
      ? { kind: 'place', target: '/sys' }
      : { kind: 'sysfs', target: '/sys', parts: SYSFS_PARTS },
    { kind: 'devices', target: '/dev' },
    ...(plan.carrier === undefined ? [] : [file(plan.carrier, CARRIER_PATH, true)]),
    ...planDefaults(plan),
    ...plan.volumes.map(planVolume),
    ...planAsked(plan),
    ...(plan.workplace === undefined
      ? []
      : [{ kind: 'workplace', place: plan.workplace } as const]),
    ...(plan.readOnlyRoot ? [{ kind: 'seal' } as const] : []),
  ];
}

/** What gives way to a volume at its place. */
function planDefaults({ hostname, hosts, networked }: AppMountsPlan): readonly MountStep[] {
  return [
    file(hostname, '/etc/hostname'),
    ...(networked ? [{ kind: 'place-file', target: RESOLV_CONF } as const] : []),
    ...(hosts === undefined || hosts.asked ? [] : [file(hosts.source, HOSTS, hosts.readOnly)]),
  ];
}

/** What was asked for, and so counts before a volume (as in rkt). */
function planAsked({ podDir, resolvMode, hosts }: AppMountsPlan): readonly MountStep[] {
  return [
    // What is the host's is shown, never handed out for writing.
    ...(resolvMode === 'host' ? [file(RESOLV_CONF, RESOLV_CONF, true)] : []),
    ...(resolvMode === 'stage0' ? [file(resolvConfPath(podDir), RESOLV_CONF)] : []),
    ...(hosts?.asked === true ? [file(hosts.source, HOSTS, hosts.readOnly)] : []),
  ];
}

function file(source: string, target: string, readOnly = false): MountStep {
  return { kind: 'bind', source, target, recursive: false, readOnly };
}

function planVolume({ volume, source, target, recursive, readOnly }: AppMount): MountStep {
  return { kind: 'volume', volume, source, target, recursive, readOnly };
}
