import { mkdirSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { writeFileAtomic } from '#base/fs/atomic';
import { type Kernel, MS } from '#base/kernel/kernel';
import {
  type CallerState,
  type Entrypoint,
  type EntrypointHost,
  handOver,
  LOCK_FD_VARIABLE,
  parseRunArguments,
  ppidPath,
  type RunArguments,
  stage1RootfsDir,
  writePodCgroups,
} from '#stage1';
import { readStage1Root } from '../aci/stage1-root.ts';
import { closePodDevices } from '../cgroup/devices.ts';
import type { Hierarchy } from '../cgroup/hierarchies.ts';
import {
  enterPodCgroups,
  expectMoves,
  makePodCgroups,
  readHierarchies,
} from '../cgroup/pod-cgroups.ts';
import { podCapabilities } from '../units/app-unit.ts';
import type { AppStreams } from '../units/streams.ts';
import { callerLimits } from './limits.ts';
import { type MachinePlan, machineName, planMachine, scopePath } from './machine.ts';
import { maskArguments } from './masks.ts';
import { nspawnCommand } from './nspawn-command.ts';
import type { AppPlan } from './plan-app.ts';
import { loadPod, refuseUnsupported } from './pod.ts';
import { type PreparationRequest, preparePod } from './prepare.ts';
import { connectPod, disconnectPod, enterConnection } from '../network/connect.ts';
import { settleNames } from '../network/settle-names.ts';
import { relayStream } from './relay.ts';
import {
  logStreamsToRelay,
  lookAtStreams,
  planStreams,
  streamsToAppend,
  streamsToRelay,
} from './streams.ts';
import { type PassedSocket, readPassedSockets } from '../sockets/passed-sockets.ts';
import { planSockets } from '../sockets/plan-sockets.ts';
import { startWaiter } from './waiter.ts';

/** Runs the pod: prepares its stage1 root and becomes systemd-nspawn. */
export const entrypoint: Entrypoint = async (host) => {
  const [, ...argv] = host.argv;
  const args = parseRunArguments(argv);
  const machine = planMachine();
  const hierarchies = readHierarchies();
  const streams = planStreams(args.interactive);

  // What outlives the pod, or has no part in it, starts before this process enters its
  // cgroups; the waiter before there are any, for it removes them.
  const settleWaiter = startWaiter(host, args.uuid);
  const cgroups = claimCgroups(host, args, { machine, hierarchies });
  // The kernel makes no cgroups while it waits for this.
  const ready = cgroups.length === 0 ? undefined : expectMoves(hierarchies, process.pid);
  const sockets = await readPassedSockets(host);
  const { begun, connection } = connectPod(host, args, sockets);
  // The rest is done first; whether it failed is asked when all has come to an end.
  connection.catch(() => {});
  try {
    await begun;
    shareStreams(host, streams);
    const apps = await prepareProcess(host, args, { cgroups, ready, streams, sockets });
    const connected = await connection;
    const names = apps.map(({ unit }) => unit.name);
    await settleNames(host, { args, apps: names, connection: connected });
    await enterConnection(host, connected);
    settleWaiter();
    const privateNetwork = connected.kind === 'none';
    return becomeNspawn(host, {
      args,
      machine,
      hierarchies,
      apps,
      streams,
      privateNetwork,
      sockets,
    });
  } catch (error) {
    const [outcome] = await Promise.allSettled([connection]);
    if (outcome.status === 'fulfilled') await disconnectPod(host, args);
    throw error;
  }
};

interface ProcessPlan {
  /** The folders to enter. */
  readonly cgroups: readonly string[];
  /** Settled when this process can be moved without much waiting. */
  readonly ready: Promise<void> | undefined;
  readonly streams: AppStreams;
  /** Handed over by the caller. */
  readonly sockets: readonly PassedSocket[];
}

/** Moves this process into the pod's cgroups, and makes everything that the pod starts from. */
async function prepareProcess(
  host: EntrypointHost,
  args: RunArguments,
  { cgroups, ready, streams, sockets }: ProcessPlan,
): Promise<readonly AppPlan[]> {
  // The first move waits long in the kernel: everything else is done meanwhile.
  const entered = enter(cgroups, ready);
  const prepared = prepare(host, args, { streams, sockets, cgroups });
  await Promise.allSettled([prepared, entered]);
  const apps = await prepared;
  await entered;
  const devices = apps.flatMap(({ unit }) => unit.devices);
  if (!args.disablePaths) closePodDevices(cgroups, devices);

  return apps;
}

async function enter(dirs: readonly string[], ready: Promise<void> | undefined): Promise<void> {
  await ready;
  await enterPodCgroups(dirs, process.pid);
}

/** Makes the caller's streams such that PID 1, which opens them by their path, does not get in the caller's way. */
function shareStreams(host: EntrypointHost, streams: AppStreams): void {
  if (streams === 'terminal') return;
  const standard = lookAtStreams();
  for (const stream of streamsToAppend(standard)) host.kernel.setAppend(stream);
  const relayed = streams === 'log' ? logStreamsToRelay(standard) : streamsToRelay(standard);
  for (const stream of relayed) relayStream(host, stream);
}

interface PreparationPlace extends Pick<PreparationRequest, 'streams' | 'cgroups'> {
  readonly sockets: readonly PassedSocket[];
}

/** Everything that the pod starts from, made while this process is being moved. */
async function prepare(
  { podDir, kernel, log, caller }: EntrypointHost,
  args: RunArguments,
  { sockets: passed, ...place }: PreparationPlace,
): Promise<readonly AppPlan[]> {
  const pod = await loadPod(podDir);
  refuseUnsupported(pod, args);
  const sockets = await planSockets({ pod, passed, hostNetwork: args.net === 'host' });

  const limits = callerLimits(kernel, caller);

  return preparePod({ kernel, log, pod, args, sockets, limits, ...place });
}

interface CgroupPlan {
  readonly machine: MachinePlan;
  readonly hierarchies: readonly Hierarchy[];
}

/** Makes the pod's cgroups, or notes the one that systemd will make. @returns the folders to enter */
function claimCgroups(
  { podDir }: EntrypointHost,
  { uuid }: RunArguments,
  { machine, hierarchies }: CgroupPlan,
): readonly string[] {
  if (machine.cgroup === 'own') return makePodCgroups(podDir, uuid, hierarchies);

  const controllers = hierarchies.some((each) => each.controllers === '') ? '' : 'name=systemd';
  writePodCgroups(podDir, [{ controllers, path: scopePath(uuid, machine) }]);
  return [];
}

interface Handover extends CgroupPlan {
  readonly args: RunArguments;
  readonly apps: readonly AppPlan[];
  readonly streams: AppStreams;
  readonly sockets: readonly PassedSocket[];
  /** Whether nspawn makes the network. */
  readonly privateNetwork: boolean;
}

function becomeNspawn(
  host: EntrypointHost,
  { args, machine, hierarchies, apps, streams, sockets, privateNetwork }: Handover,
): never {
  const { kernel, podDir } = host;
  const command = nspawnCommand({
    podDir,
    stage1: readStage1Root(stage1RootfsDir(podDir)),
    args,
    privateNetwork,
    machine,
    terminal: streams === 'terminal',
    hostname: args.hostname ?? machineName(args.uuid),
    masks: args.disablePaths ? [] : maskArguments(),
    unified: hierarchies.some(({ controllers }) => controllers === ''),
    capabilities: podCapabilities(apps.map(({ unit }) => unit)),
    env: host.env,
  });
  hideNspawnTraces(kernel);
  // Whole or not at all: who waits for it reads it at once.
  writeFileAtomic(ppidPath(podDir), `${process.pid}\n`, { durable: false });

  return handOver(kernel, deaf(host.caller), {
    ...command,
    keep: [...sockets.map(({ fd }) => fd), lockFd(host)],
  });
}

/** nspawn keeps locks and a propagation folder here; in the pod's mount namespace they go with the pod. */
function hideNspawnTraces(kernel: Kernel): void {
  const folder = '/run/systemd/nspawn';
  mkdirSync(folder, { recursive: true });
  kernel.mount({
    source: 'tmpfs',
    target: folder,
    fstype: 'tmpfs',
    flags: MS.NOSUID | MS.NODEV,
    data: 'mode=0755',
  });
}

/** SIGRTMIN and SIGRTMAX as libc counts, which keeps 32 and 33 for itself, signal(7). */
const REALTIME = { first: 34, last: 64 } as const;
/** SIGRTMIN+18 as libraries count: later versions of nspawn listen to it (systemd-nspawn(1)). */
const TRIM = 34 + 18;
/**
 * HUP, QUIT, USR1, USR2, ALRM, STKFLT, VTALRM, PROF, IO, PWR and the real-time
 * ones, signal(7): nspawn does not listen to them, and dying of one it would
 * leave the pod behind, or end it. KILL stays, and what tells of a fault.
 */
const DEADLY: readonly number[] = [
  1,
  3,
  10,
  12,
  14,
  16,
  26,
  27,
  29,
  30,
  ...Array.from({ length: REALTIME.last - REALTIME.first + 1 }, (_, at) => REALTIME.first + at),
].filter((signal) => signal !== TRIM);

/** The caller's umask stays away as well: nspawn makes directories in the pod, and PID 1 gives apps one of its own. */
function deaf(caller: CallerState): CallerState {
  const ignoredSignals = [...new Set([...caller.ignoredSignals, ...DEADLY])];

  return { ...caller, ignoredSignals, umask: undefined };
}

/** The lock that says that the pod lives: held by whoever has this descriptor. */
function lockFd({ env }: EntrypointHost): number {
  const fd = Number(env[LOCK_FD_VARIABLE]);
  if (Number.isInteger(fd) && fd > 2) return fd;

  throw new GantryError(
    'STAGE1_BAD_ARGUMENTS',
    `cannot run the pod: ${LOCK_FD_VARIABLE} is not set`,
  );
}
