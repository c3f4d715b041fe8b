import { EXIT_UNIT, STOPPING_SOCKET } from './names.ts';
import { BARE, ROOT_SLICE, type Unit } from './unit.ts';

/** Where the program of `hangUpScript` lies inside stage1. */
export const HANG_UP_PATH = '/usr/lib/gantry/hang-up';

/** In the mask of signals that a process ignores, proc(5). */
const SIGTERM_BIT = 1 << (15 - 1);

/**
 * Started with `exit.target`, where there is a terminal in the pod: shells on
 * one ignore SIGTERM, and nobody waits for them.
 */
export const HANG_UP_UNIT: Unit = {
  name: 'hang_up.service',
  unit: [
    BARE,
    ['ConditionPathExistsGlob', '/dev/pts/[0-9]*'],
    // What ends of it has been stopped, and has not failed.
    ['After', STOPPING_SOCKET],
    ['Before', EXIT_UNIT],
  ],
  service: [
    ['Type', 'oneshot'],
    ROOT_SLICE,
    ['ExecStart', `/usr/bin/busybox sh ${HANG_UP_PATH}`],
    ['StandardOutput', 'null'],
    ['StandardError', 'null'],
  ],
};

/**
 * The program that hangs up whatever has a terminal and ignores SIGTERM; for
 * busybox's shell. Not SendSIGHUP=, which comes at once and would end those as
 * well that end in order when they get SIGTERM.
 */
export function hangUpScript(): string {
  return `for dir in /proc/[0-9]*; do
  stat= value=
  read -r stat <$dir/stat
  # What comes after the name: state, parent, group, session, terminal.
  set -- \${stat##*) }
  [ "\${5:-0}" = 0 ] && continue
  while read -r key value; do [ "$key" = SigIgn: ] && break; done <$dir/status
  [ $((0x0\${value#????????} & ${SIGTERM_BIT})) = 0 ] || kill -HUP \${dir#/proc/}
done
`;
}
