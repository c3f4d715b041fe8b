import { existsSync, readFileSync } from 'node:fs';
import { defaultHostname } from '#stage1';

/** How the pod relates to the host's systemd. */
export interface MachinePlan {
  /** Whether machined is told of the pod. */
  readonly register: boolean;
  /**
   * `own`: gantry makes the pod's cgroup, where there is no systemd to ask, or
   * below the caller's unit. `scope`: systemd makes a scope for the pod.
   */
  readonly cgroup: 'own' | 'scope';
}

/** Where the traces of a running systemd are; fixed by sd_booted(3) and D-Bus. */
const BOOTED = '/run/systemd/system';
const SYSTEM_BUS = '/run/dbus/system_bus_socket';
const MACHINED = '/usr/share/dbus-1/system-services/org.freedesktop.machine1.service';

/** @param exists a look at the host's file system */
export function planMachine(
  exists: (path: string) => boolean = existsSync,
  ownCgroup: string = readFileSync('/proc/self/cgroup', 'utf8'),
): MachinePlan {
  if (!exists(BOOTED)) return { register: false, cgroup: 'own' };

  const register = exists(SYSTEM_BUS) && exists(MACHINED);
  // From a unit file the pod stays in its unit, so that the unit's limits and its stop hold.
  const inService = /^(?:0:|\d+:name=systemd):.*\.service(?:\/|$)/m.test(ownCgroup);
  return { register, cgroup: inService ? 'own' : 'scope' };
}

/** The pod's name among machines; rkt's, so that `journalctl -M rkt-UUID` works. */
export const machineName: (uuid: string) => string = defaultHostname;

/** The cgroup of the scope that systemd makes: machined names it `machine-NAME`, nspawn alone `NAME`. */
export function scopePath(uuid: string, { register }: Pick<MachinePlan, 'register'>): string {
  const name = machineName(uuid);
  const scope = register ? `machine-${name.replaceAll('-', '\\x2d')}` : name;

  return `/machine.slice/${scope}.scope`;
}
