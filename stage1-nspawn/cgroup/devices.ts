import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppDevice } from '../units/app-unit.ts';

/** The nodes that every app has, as the v1 devices controller names them (linux/Documentation/admin-guide/devices.txt). */
const STANDARD_DEVICES: readonly string[] = [
  'c 1:3 rwm', // null
  'c 1:5 rwm', // zero
  'c 1:7 rwm', // full
  'c 1:8 rwm', // random
  'c 1:9 rwm', // urandom
  'c 5:0 rwm', // tty
  'c 5:1 rwm', // console
  'c 5:2 rwm', // ptmx
  'c 136:* rwm', // pts
];

/**
 * Closes the devices of a pod where the v1 devices controller is: systemd in
 * the pod closes them app by app, but only where it has v2 to itself.
 * @param dirs the pod's cgroups
 */
export function closePodDevices(dirs: readonly string[], devices: readonly AppDevice[]): void {
  const dir = dirs.find((each) => existsSync(join(each, 'devices.deny')));
  if (dir === undefined) return;

  writeFileSync(join(dir, 'devices.deny'), 'a');
  const own = devices.map(
    ({ type, major, minor, readOnly }) =>
      `${type === 'char' ? 'c' : 'b'} ${major}:${minor} ${readOnly ? 'r' : 'rw'}`,
  );
  for (const device of [...STANDARD_DEVICES, ...own]) {
    writeFileSync(join(dir, 'devices.allow'), device);
  }
}
