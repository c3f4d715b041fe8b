import { SESSIONS_DIR } from './status-dirs.ts';
import { signalStatus } from './signal-status.ts';
import { BARE, ROOT_SLICE, type Unit } from './unit.ts';
import { UNIT_DIR } from './write-unit.ts';

/** Where the program of `enteredScript` lies inside stage1. */
export const ENTERED_PATH = '/usr/lib/gantry/entered';

/** What tells the caller how a command that entered an app has ended: two, for systemd says in MONITOR_* only what one dependency leads to. */
export const ENTERED_UNITS: readonly Unit[] = ['entered_ended@', 'entered_failed@'].map((name) => ({
  name: `${name}.service`,
  unit: [BARE],
  service: [
    ['Type', 'oneshot'],
    ROOT_SLICE,
    ['ExecStart', `/usr/bin/busybox sh ${ENTERED_PATH} %i`],
  ],
}));

/** The unit of a command; no app is called so. */
export const sessionUnitName = (id: string): string => `enter_${id}.service`;
export const enteredUnitName = (id: string, how: 'ended' | 'failed'): string =>
  `entered_${how}@${id}.service`;

/** The folder of a command inside stage1: its streams, its further environment, its status. */
export const sessionDir = (id: string): string => `${SESSIONS_DIR}/${id}`;

/** The program that leaves a command's exit status where the caller waits for it, if there is one left; for busybox's shell. */
export function enteredScript(): string {
  return `id=$1
case $MONITOR_EXIT_CODE in
exited) code=$MONITOR_EXIT_STATUS ;;
*)
${signalStatus('MONITOR_EXIT_STATUS')}
  ;;
esac
rm -f ${UNIT_DIR}/${sessionUnitName('$id')}
echo "$code" >${sessionDir('$id')}/status
`;
}
