import { constants } from 'node:os';
import { STOPPING_MARK } from './base-units.ts';
import { EXEC_STATUS_DIR, STATUS_DIR } from './status-dirs.ts';

const FIRST_FAILURE = '/run/gantry-failed';
/** systemd.exec(5), EXIT_EXEC: the app's program could not be executed. */
const EXIT_EXEC = 203;
/** An app whose pre-start handler failed never ran: no status of its own. */
const NEVER_RAN = 1;

/** Where the reaper leaves and finds its marks. */
export interface ReaperPlaces {
  readonly status: string;
  readonly execStatus: string;
  readonly stopping: string;
  readonly firstFailure: string;
}

const INSIDE: ReaperPlaces = {
  status: STATUS_DIR,
  execStatus: EXEC_STATUS_DIR,
  stopping: STOPPING_MARK,
  firstFailure: FIRST_FAILURE,
};

/**
 * The program that runs when an app has ended: it notes the exit status as a
 * shell would have it, and gives the first failing app's back, which is how
 * PID 1 learns what to exit with. systemd says in MONITOR_* how the app ended
 * (systemd 251).
 */
export function reaperScript(places: ReaperPlaces = INSIDE): string {
  const { status, execStatus, stopping, firstFailure } = places;
  return `#!/bin/sh
case $MONITOR_EXIT_CODE in
exited) code=$MONITOR_EXIT_STATUS ;;
killed | dumped)
  case $MONITOR_EXIT_STATUS in
${signalCases()}
  *) code=255 ;;
  esac
  ;;
*) code=${NEVER_RAN} ;;
esac
[ "$code" = ${EXIT_EXEC} ] && [ -e ${execStatus}/$1 ] && read -r code <${execStatus}/$1
[ "$code" = 0 ] && [ "$MONITOR_SERVICE_RESULT" != success ] && code=${NEVER_RAN}
echo "$code" >${status}/$1
[ -e ${stopping} ] && exit 0
[ "$code" = 0 ] && exit 0
(set -C && : >${firstFailure}) 2>/dev/null || exit 0
exit "$code"
`;
}

/** systemd names signals without SIG; the real-time ones are counted from RTMIN, 34. */
function signalCases(): string {
  const named = Object.entries(constants.signals)
    .filter(([name]) => !['SIGIOT', 'SIGPOLL', 'SIGUNUSED'].includes(name))
    .map(([name, number]) => [name.slice('SIG'.length), number] as const);

  return [
    ...named.map(([name, number]) => `  ${name}) code=${128 + number} ;;`),
    `  RTMIN) code=${128 + 34} ;;`,
    `  RTMIN+*) code=$((${128 + 34} + \${MONITOR_EXIT_STATUS#RTMIN+})) ;;`,
  ].join('\n');
}
