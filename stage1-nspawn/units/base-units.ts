import { BACKOFF_UNIT } from './backoff.ts';
import { ENTERED_UNITS } from './entered.ts';
import { HANG_UP_UNIT } from './hang-up.ts';
import { markUnit } from './marks.ts';
import { EXIT_UNIT, LIVE_TARGET, STALLED_TIMER, STOPPING_SOCKET } from './names.ts';
import { STREAM_UNITS } from './stream-units.ts';
import { TERMINAL_UNIT } from './terminal.ts';
import { BARE, ROOT_SLICE, type Unit } from './unit.ts';
import { UNREADY_UNIT } from './unready.ts';

// The units that every pod has; they are part of the stage1 image.

/** Where the program of `units/reaper` lies inside stage1. */
export const REAPER_PATH = '/usr/lib/gantry/reap';

/** Exists from the moment that the pod begins to end; what is stopped from then on has not failed. */
export const STOPPING_MARK = '/run/gantry-stopping';

/**
 * How a pod ends, in order: an app ends and its reaper runs; a reaper that
 * fails hands its status to PID 1, which starts `exit.target`, as who stops the
 * pod does. That stops the apps that are left. When the last one is over, with
 * its reaper and its streams, `apps_live.target` goes, and in its wake
 * `systemd-exit.service`, ordered after all of it, lets PID 1 exit.
 */
export const BASE_UNITS: readonly Unit[] = [
  {
    name: LIVE_TARGET,
    unit: [
      BARE,
      ['StopWhenUnneeded', 'yes'],
      ['OnSuccess', `${EXIT_UNIT} ${STALLED_TIMER}`],
      ['OnSuccessJobMode', 'replace'],
    ],
  },
  reaper('app_ended@.service', 'ended'),
  reaper('app_failed@.service', 'failed'),
  BACKOFF_UNIT,
  ...ENTERED_UNITS,
  ...STREAM_UNITS,
  TERMINAL_UNIT,
  {
    name: 'exit.target',
    unit: [
      BARE,
      // So that it goes also when no app has come to life yet; and nothing holds it then.
      ['Wants', `${LIVE_TARGET} ${STOPPING_SOCKET} ${UNREADY_UNIT.name} ${HANG_UP_UNIT.name}`],
      ['StopWhenUnneeded', 'yes'],
      ['AllowIsolate', 'yes'],
    ],
  },
  markUnit({ name: STOPPING_SOCKET, path: STOPPING_MARK, unit: [] }),
  UNREADY_UNIT,
  HANG_UP_UNIT,
  {
    name: EXIT_UNIT,
    // Nothing to execute: a status of its own would take the place of the app's.
    unit: [BARE, ['After', 'systemd-journald.service'], ['SuccessAction', 'exit-force']],
    service: [['Type', 'oneshot'], ROOT_SLICE],
  },
  {
    name: 'systemd-journald.socket',
    unit: [BARE],
    socket: [
      ROOT_SLICE,
      ['ListenStream', '/run/systemd/journal/stdout'],
      ['ListenDatagram', '/run/systemd/journal/socket'],
      ['ListenDatagram', '/run/systemd/journal/dev-log'],
      ['SocketMode', '0666'],
      ['PassCredentials', 'yes'],
      ['PassSecurity', 'yes'],
      ['ReceiveBuffer', '8M'],
      ['Service', 'systemd-journald.service'],
    ],
  },
  {
    name: 'systemd-journald.service',
    unit: [BARE, ['Requires', 'systemd-journald.socket'], ['After', 'systemd-journald.socket']],
    service: [
      ['Type', 'notify'],
      ROOT_SLICE,
      ['NotifyAccess', 'main'],
      ['ExecStart', '/usr/lib/systemd/systemd-journald'],
      ['Sockets', 'systemd-journald.socket'],
      ['StandardOutput', 'null'],
      ['FileDescriptorStoreMax', '4224'],
      // "flushed" is what journald looks at before it writes to /var; there is
      // nothing to wait for here. Told of two folders, it would look in neither.
      ['RuntimeDirectory', 'systemd/journal systemd/journal/flushed'],
      ['RuntimeDirectoryPreserve', 'yes'],
      ['UnsetEnvironment', 'RUNTIME_DIRECTORY'],
    ],
  },
];

/** Other names of `exit.target`: what PID 1 starts when nspawn tells it to halt or the kernel to restart. */
export const EXIT_ALIASES = [
  'halt.target',
  'poweroff.target',
  'reboot.target',
  'ctrl-alt-del.target',
] as const;

function reaper(name: string, how: 'ended' | 'failed'): Unit {
  return {
    name,
    unit: [
      BARE,
      ['Before', EXIT_UNIT],
      // The pod does not end for lack of apps before the last one's status is written.
      ['Requires', LIVE_TARGET],
      ['After', LIVE_TARGET],
      ['FailureAction', 'exit'],
    ],
    service: [
      ['Type', 'oneshot'],
      ROOT_SLICE,
      ['ExecStart', `/usr/bin/busybox sh ${REAPER_PATH} %i ${how}`],
      ['StandardOutput', 'null'],
    ],
  };
}
