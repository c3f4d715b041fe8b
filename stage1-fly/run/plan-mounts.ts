import {
  type AppMount,
  type BindMount,
  hostsPath,
  type RunArguments,
  resolvConfPath,
  type RootMountStep,
  type WorkingDirectory,
} from '#stage1';

/** One step on the way to the app's view of the file system; targets are absolute inside the app. */
export type MountStep =
  | RootMountStep
  /** Copied in the host's mount namespace, so that mounts below it appear on both sides. */
  | ({ readonly kind: 'shared-bind' } & BindMount)
  | { readonly kind: 'tmpfs'; readonly target: string; readonly data: string };

/** What the plan is made of. */
export interface MountsRequest {
  readonly podDir: string;
  readonly volumes: readonly AppMount[];
  /** Directories of the root that stay writable whatever becomes of it. */
  readonly kept: readonly string[];
  readonly readOnlyRoot: boolean;
  /** The app's working directory when it is made where it is missing, as images of the OCI count on. */
  readonly workplace?: WorkingDirectory | undefined;
  readonly dnsConfMode: RunArguments['dnsConfMode'];
}

/** The kernel's file systems come from the host: fly is for tools that look after it. */
const HOST_FILESYSTEMS = ['/dev', '/proc', '/sys'] as const;

/** What is mounted where, in order: what the image keeps, the host's file systems, /tmp, names, volumes; last the root is sealed. */
export function planMounts(request: MountsRequest): readonly MountStep[] {
  return [
    ...(request.readOnlyRoot ? [{ kind: 'root' } as const] : []),
    ...request.kept.map((target) => ({ kind: 'keep', target }) as const),
    ...HOST_FILESYSTEMS.map((path) => bind(path, path, true)),
    { kind: 'tmpfs', target: '/tmp', data: 'mode=1777' },
    ...planNames(request),
    ...request.volumes.map(planVolume),
    ...(request.workplace === undefined
      ? []
      : [{ kind: 'workplace', place: request.workplace } as const]),
    ...(request.readOnlyRoot ? [{ kind: 'seal' } as const] : []),
  ];
}

function bind(source: string, target: string, recursive = false): MountStep {
  return { kind: 'bind', source, target, recursive, readOnly: false };
}

function planNames({ podDir, dnsConfMode }: MountsRequest): readonly MountStep[] {
  const steps: MountStep[] = [];
  if (dnsConfMode.resolv === 'host') steps.push(bind('/etc/resolv.conf', '/etc/resolv.conf'));
  if (dnsConfMode.resolv === 'stage0') {
    steps.push(bind(resolvConfPath(podDir), '/etc/resolv.conf'));
  }
  if (dnsConfMode.hosts === 'host') steps.push(bind('/etc/hosts', '/etc/hosts'));
  if (dnsConfMode.hosts === 'stage0') steps.push(bind(hostsPath(podDir), '/etc/hosts'));

  return steps;
}

function planVolume(mount: AppMount): MountStep {
  const { source, target, recursive, readOnly, shared } = mount;

  return { kind: shared ? 'shared-bind' : 'bind', source, target, recursive, readOnly };
}
