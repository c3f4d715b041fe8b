import { networkInterfaces } from 'node:os';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { tryLockPath } from '#base/lock/directory-lock';
import { addressesOverlap, describePort, type ForwardedPort, portsOverlap } from '#stage1';
import type { PodNetworkHost } from '../host.ts';
import { isGone } from '../register/gone-pods.ts';
import {
  demandRegister,
  lockRegister,
  type RegisterEntry,
  removeEntry,
  writeEntry,
} from '../register/register.ts';
import { releaseEndedPods } from '../release/release-ended-pods.ts';
import { describeOwner, type Listener, readListeners } from './listeners.ts';

/** So often pods that have ended are made to give their ports back before that is given up. */
const TRIES = 5;

/**
 * Puts a pod into the register, unless a port that it wants is another's. That
 * of a pod which has ended is waited for: its release comes first.
 * @throws GantryError PORT_TAKEN naming whose it is, NETWORK_REGISTER_UNREADABLE
 */
export async function claimPorts(host: PodNetworkHost, entry: RegisterEntry): Promise<void> {
  warnOfForeignAddresses(host, entry);
  for (let tries = 1; ; tries += 1) {
    const holder = tryClaim(host, entry);
    if (holder === undefined) return;
    if (tries === TRIES || !hasEnded(host, holder)) throw takenByPod(entry, holder);
    await releaseEndedPods(host, { uuids: [holder.uuid], gantry: holder.gantry });
    // A pod whose directory was removed by hand gives nothing back any more.
    if (isGone(holder)) removeEntry(holder.uuid);
  }
}

/** One that moves between hosts may come later; until then nobody reaches the port. */
function warnOfForeignAddresses({ log }: PodNetworkHost, { ports }: RegisterEntry): void {
  const wanted = ports.filter(({ hostIP }) => hostIP !== undefined && !isAnyOrLoopback(hostIP));
  if (wanted.length === 0) return;
  const own = Object.values(networkInterfaces()).flatMap((each = []) => each);
  for (const port of wanted) {
    if (own.some(({ address }) => addressesOverlap(address, port.hostIP))) continue;
    log.warning(
      `port ${describePort(port)} of the host: no interface of this host has that address now`,
    );
  }
}

function isAnyOrLoopback(address: string): boolean {
  return ['0.0.0.0', '::', '::1'].includes(address) || address.startsWith('127.');
}

/** @returns the pod that is in the way */
function tryClaim(host: PodNetworkHost, entry: RegisterEntry): RegisterEntry | undefined {
  using _lock = lockRegister(host.kernel);
  const known = entry.ports.length === 0 ? [] : demandRegister();
  const holder = known.find((other) => isInTheWay(other, entry));
  if (holder !== undefined) return holder;

  refuseListeners(entry.ports);
  writeEntry(entry);
  return undefined;
}

function isInTheWay(other: RegisterEntry, { uuid, hostNetns, ports }: RegisterEntry): boolean {
  if (other.uuid === uuid || other.hostNetns !== hostNetns) return false;

  return other.ports.some((theirs) => ports.some((ours) => portsOverlap(theirs, ours)));
}

function refuseListeners(ports: readonly ForwardedPort[]): void {
  if (ports.length === 0) return;
  const listeners = readListeners();
  for (const port of ports) {
    const listener = listeners.find((each) => isOn(each, port));
    if (listener === undefined) continue;
    throw new GantryError(
      'PORT_TAKEN',
      `cannot forward port ${describePort(port)} of the host: ${describeOwner(listener.inode)} listens on it`,
      { hint: 'stop that, or choose another port or address of the host' },
    );
  }
}

function isOn({ protocol, address, port }: Listener, wanted: ForwardedPort): boolean {
  const { hostIP, hostPort, count } = wanted;
  if (protocol !== wanted.protocol || port < hostPort || port >= hostPort + count) return false;

  // A socket on "::" may take what is sent to IPv4 addresses as well.
  return address === '::' || addressesOverlap(address, hostIP);
}

/** Whether a pod's process has ended: its directory is not locked, or has gone on. */
function hasEnded({ kernel }: PodNetworkHost, { podDir }: RegisterEntry): boolean {
  try {
    using lock = tryLockPath(kernel, podDir, 'shared');
    return lock !== undefined;
  } catch (error) {
    if (isGantryError(error, 'LOCK_NO_SUCH_PATH')) return true;
    throw error;
  }
}

function takenByPod({ ports }: RegisterEntry, holder: RegisterEntry): GantryError {
  const port = ports.find((ours) => holder.ports.some((theirs) => portsOverlap(theirs, ours)));
  const [name] = holder.names;
  const named = name === undefined ? '' : ` ("${name}")`;

  return new GantryError(
    'PORT_TAKEN',
    `cannot forward port ${port === undefined ? '' : describePort(port)} of the host: pod ${holder.uuid}${named} has it`,
    { hint: 'stop that pod, or choose another port or address of the host' },
  );
}
