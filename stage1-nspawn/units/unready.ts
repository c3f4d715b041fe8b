import { EXIT_UNIT, STOPPING_SOCKET } from './names.ts';
import { READY_DIR } from './status-dirs.ts';
import { BARE, ROOT_SLICE, type Unit } from './unit.ts';

/**
 * A command that has PID 1 tell nobody that the pod is ready, which it would as
 * soon as there is nothing more to start or stop: each time it looks for its
 * `NOTIFY_SOCKET` (nspawn's) at this path. What it lies in is read-only.
 */
export const TELL_NOBODY = 'mount --bind /dev/null /run/host/notify';

/** Started with `exit.target`: a pod that was not ready before will never be. */
export const UNREADY_UNIT: Unit = {
  name: 'unready.service',
  unit: [
    BARE,
    ['ConditionPathExists', `!${READY_DIR}`],
    ['After', STOPPING_SOCKET],
    ['Before', EXIT_UNIT],
  ],
  service: [
    ['Type', 'oneshot'],
    ROOT_SLICE,
    ['ExecStart', `/usr/bin/busybox ${TELL_NOBODY}`],
    ['StandardOutput', 'null'],
    ['StandardError', 'null'],
  ],
};
