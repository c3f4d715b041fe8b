import type { RestartPolicy } from '#stage1';
import { backoffName, endedUnitName, failedUnitName, startedSocketName } from './names.ts';
import { EXITS_DIR, RESTART_DIR, RESTARTS_DIR, STARTED_DIR, STATUS_DIR } from './status-dirs.ts';
import { BARE, BEFORE_EXIT, ROOT_SLICE, type Setting, type Unit } from './unit.ts';

/** Where the program of `backoffScript` lies inside stage1. */
export const BACKOFF_PATH = '/usr/lib/gantry/backoff';

/** Docker's, which users know: doubled each time up to a minute, and forgotten by an app that ran for ten seconds. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
const WELL_AFTER_SECONDS = 10;

/**
 * What an app that is started again waits for, each time. Until systemd 254
 * there is no RestartSteps=.
 */
export const BACKOFF_UNIT: Unit = {
  name: backoffName(''),
  unit: [
    BARE,
    ...BEFORE_EXIT,
    ['Before', startedSocketName('%i')],
    // How it ended last is written down before it is forgotten.
    ['After', `${endedUnitName('%i')} ${failedUnitName('%i')}`],
  ],
  service: [
    ['Type', 'oneshot'],
    ROOT_SLICE,
    ['ExecStart', `/usr/bin/busybox sh ${BACKOFF_PATH} %i`],
  ],
};

/** Where the back-off keeps its notes. */
export interface BackoffPlaces {
  readonly restart: string;
  readonly restarts: string;
  readonly started: string;
  readonly exits: string;
  readonly status: string;
  /** How long to wait next, and when the app was started last, by app. */
  readonly notes: string;
}

const INSIDE: BackoffPlaces = {
  restart: RESTART_DIR,
  restarts: RESTARTS_DIR,
  started: STARTED_DIR,
  exits: EXITS_DIR,
  status: STATUS_DIR,
  notes: '/run/gantry-backoff',
};

/** The program that waits before an app is started again, and counts; for busybox's shell. */
export function backoffScript(places: BackoffPlaces = INSIDE): string {
  const { restart, restarts, started, exits, status, notes } = places;
  return `app=$1 delay=${FIRST_DELAY_MS} count=0
mkdir -p ${notes} ${restarts}
if [ -e ${notes}/$app ]; then
  read -r delay last <${notes}/$app
  [ $((\${EPOCHREALTIME%.*} - last)) -ge ${WELL_AFTER_SECONDS} ] && delay=${FIRST_DELAY_MS}
  [ -e ${restarts}/$app ] && read -r count <${restarts}/$app
  read -r when limit <${restart}/$app
  # systemd will not start it once more.
  [ -n "$limit" ] && [ $count -ge $limit ] && exit 0
  sleep $((delay / 1000)).$(printf %03d $((delay % 1000)))
  delay=$((delay * 2))
  [ $delay -gt ${LONGEST_DELAY_MS} ] && delay=${LONGEST_DELAY_MS}
  echo $((count + 1)) >${restarts}/$app
  # PID 1 makes the first anew, and so the time is that of this start.
  rm -f ${started}/$app ${exits}/$app ${status}/$app
fi
echo $delay \${EPOCHREALTIME%.*} >${notes}/$app
`;
}

/** The settings of an app's unit that have it started again. */
export function restartUnitSettings(app: string, restart: RestartPolicy): readonly Setting[] {
  if (restart.when === 'no') return [];
  const counted = restart.when === 'on-failure' && restart.limit !== undefined;

  return [
    ['Requires', backoffName(app)],
    ['After', backoffName(app)],
    ...(counted
      ? ([
          ['StartLimitIntervalSec', 'infinity'],
          ['StartLimitBurst', String((restart.limit ?? 0) + 1)],
        ] as const)
      : []),
  ];
}

/** And those of its service. */
export function restartServiceSettings(restart: RestartPolicy): readonly Setting[] {
  if (restart.when === 'no') return [];

  return [
    ['Restart', restart.when],
    ['RestartSec', '0'],
    // Ended by one of these an app has failed as by any other, which systemd sees differently.
    ...(restart.when === 'on-failure'
      ? [['RestartForceExitStatus', 'SIGHUP SIGINT SIGTERM SIGPIPE'] as const]
      : []),
  ];
}

/** What the reaper and the back-off read of an app's policy: its word, and how often at most. */
export function restartNote(restart: RestartPolicy): string {
  return restart.when === 'on-failure' ? `${restart.when} ${restart.limit ?? ''}` : restart.when;
}
