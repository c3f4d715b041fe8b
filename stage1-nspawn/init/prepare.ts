import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Kernel, MS } from '#base/kernel/kernel';
import type { Log } from '#base/log/log';
import {
  type AppMounts,
  ensureEmptyVolume,
  exitPolicyOf,
  type RunArguments,
  resolveAppMounts,
  stage1RootfsDir,
} from '#stage1';
import type { AppSocket } from '../sockets/assign-sockets.ts';
import { findOomCount } from '../cgroup/oom-count.ts';
import type { Limits } from '../units/app-unit.ts';
import { CALLER_DIR, OOM_PATH, OOM_SEEN_PATH, PREFIX_MARK } from '../units/status-dirs.ts';
import { type AppStreams, STDIO_DIR } from '../units/streams.ts';
import { carriedVariables, carrierPath } from './carrier.ts';
import { appHosts, isNetworked } from '../network/app-hosts.ts';
import { type IdentityFiles, writeIdentityFiles } from './identity-files.ts';
import { machineName } from './machine.ts';
import { planAppMounts } from './mounts.ts';
import { performMounts } from './perform-mounts.ts';
import { type AppPlan, planApp } from './plan-app.ts';
import type { LoadedApp, LoadedPod } from './pod.ts';
import { callerPlaces, lookAtStreams } from './streams.ts';
import { writeStage1 } from './write-stage1.ts';

export interface PreparationRequest {
  readonly kernel: Kernel;
  readonly log: Log;
  readonly pod: LoadedPod;
  readonly args: RunArguments;
  readonly streams: AppStreams;
  /** What each app is handed, by its name. */
  readonly sockets: ReadonlyMap<string, readonly AppSocket[]>;
  /** Folders of the pod's cgroups, where gantry makes them. */
  readonly cgroups: readonly string[];
  /** As the caller had them. */
  readonly limits: Limits;
}

/** Makes all that PID 1 of the pod will find: mounts, units, files. */
export function preparePod(request: PreparationRequest): readonly AppPlan[] {
  const { pod, args, streams } = request;
  const hostname = args.hostname ?? machineName(args.uuid);
  const files = writeIdentityFiles(pod.dir, { uuid: args.uuid, hostname });
  const apps = pod.apps.map((app) => prepareApp(request, files, app));
  prepareStreams(request);
  showOomCount(request);
  writeStage1({
    podDir: pod.dir,
    apps,
    exitPolicy: exitPolicyOf(pod.manifest),
    isolation: {
      streams,
      capabilities: !args.disableCapabilities,
      paths: !args.disablePaths,
      seccomp: !args.disableSeccomp,
      limits: request.limits,
    },
  });

  return apps;
}

function prepareApp(request: PreparationRequest, files: IdentityFiles, app: LoadedApp): AppPlan {
  const { kernel, log, pod, args, streams } = request;
  const { mounts: volumes, kept } = appVolumes(request, app);
  const carried = carriedVariables(
    Object.fromEntries((app.description.environment ?? []).map(({ name, value }) => [name, value])),
  );

  const steps = planAppMounts({
    podDir: pod.dir,
    volumes,
    kept,
    readOnlyRoot: app.runtime.readOnlyRootFS ?? false,
    workplace: app.fromOci
      ? { app: app.runtime.name, workingDir: app.description.workingDirectory ?? '/' }
      : undefined,
    wholeSysfs: args.disablePaths,
    resolvMode: args.dnsConfMode.resolv,
    hosts: appHosts({
      podDir: pod.dir,
      app: app.runtime.name,
      root: app.root,
      args,
      fallback: files.hosts,
    }),
    networked: isNetworked(args),
    hostname: files.hostname,
    carrier: carried.length === 0 ? undefined : carrierPath(stage1RootfsDir(pod.dir)),
  });
  const replaced = performMounts(kernel, app.root, steps);
  for (const warning of app.warnings) log.warning(`app "${app.runtime.name}": ${warning}`);

  const plan = planApp(app, {
    volumes,
    replaced,
    terminal: streams === 'terminal',
    sockets: request.sockets.get(app.runtime.name) ?? [],
    alone: pod.apps.length === 1,
  });
  if (plan.forecast !== undefined) log.error(plan.forecast);

  return plan;
}

function appVolumes({ pod, log }: PreparationRequest, app: LoadedApp): AppMounts {
  const resolved = resolveAppMounts({
    podDir: pod.dir,
    app: app.runtime,
    description: app.description,
    volumes: pod.manifest.volumes ?? [],
    imageVolumes: app.imageVolumes,
    recursiveByDefault: true,
  });
  for (const point of resolved.implicit) {
    log.warning(
      `app "${app.runtime.name}" has no volume for mount point "${point}": an empty one is made`,
    );
  }
  for (const mount of resolved.mounts) ensureEmptyVolume(mount);

  return resolved;
}

/** nspawn, which this process becomes, keeps descriptors 0 to 2: they are opened again through its entry in the host's /proc. */
function prepareStreams({ kernel, pod, streams }: PreparationRequest): void {
  if (streams === 'terminal') return;
  const root = stage1RootfsDir(pod.dir);
  const target = join(root, STDIO_DIR);
  mkdirSync(target, { recursive: true });
  kernel.mount({ source: `/proc/${process.pid}/fd`, target, flags: MS.BIND });
  if (streams !== 'log') return;

  for (const [stream, place] of callerPlaces(lookAtStreams())) {
    symlinkSync(place, join(root, CALLER_DIR, stream));
  }
  if (pod.apps.length > 1) writeFileSync(join(root, PREFIX_MARK), '');
}

/** Lets the reaper see whom the kernel killed for want of memory, where that is not systemd's to see. */
function showOomCount({ kernel, pod, cgroups }: PreparationRequest): void {
  const source = findOomCount(cgroups);
  if (source === undefined) return;

  const root = stage1RootfsDir(pod.dir);
  const target = join(root, OOM_PATH);
  writeFileSync(target, '');
  // A cgroup above the pod's may have counted others before.
  const [, before = '0'] = /^oom_kill (\d+)$/m.exec(readFileSync(source, 'utf8')) ?? [];
  writeFileSync(join(root, OOM_SEEN_PATH), `${before}\n`);
  kernel.mount({ source, target, flags: MS.BIND });
  kernel.setMountAttributes(target, { readOnly: true });
}
