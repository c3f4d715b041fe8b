import { STOPPING_MARK } from './base-units.ts';
import { FORESEEN_STEPS, STEP_PATTERN, stepNames } from './exec-steps.ts';
import { upSocketName } from './names.ts';
import { handlersScript } from './handlers.ts';
import { signalStatus } from './signal-status.ts';
import { streamPath } from './stream-script.ts';
import { STDIO_DIR } from './streams.ts';
import {
  CALLER_DIR,
  EXEC_STATUS_DIR,
  EXIT_POLICY_PATH,
  EXITS_DIR,
  HANDLED_DIR,
  HANDLER_OBSTACLES_DIR,
  OOM_PATH,
  OOM_SEEN_PATH,
  RESTART_DIR,
  STARTED_DIR,
  STATUS_DIR,
  UP_DIR,
} from './status-dirs.ts';
import { TELL_NOBODY } from './unready.ts';
import { UNIT_DIR } from './write-unit.ts';

/** What a shell says of one that it could not execute. */
const NOT_EXECUTABLE = 126;
/** An app whose pre-start handler failed never ran: no status of its own. */
const NEVER_RAN = 1;

/** Within which somebody takes a line, who may take nothing any more. */
const TELL_WITHIN_SECONDS = 5;

/** Where the reaper leaves and finds its marks. */
export interface ReaperPlaces {
  readonly status: string;
  readonly exits: string;
  readonly started: string;
  /** Which apps said that they are ready. */
  readonly up: string;
  /** Where units lie. */
  readonly units: string;
  readonly execStatus: string;
  readonly handled: string;
  readonly handlerObstacles: string;
  readonly restart: string;
  readonly oom: string;
  /** How many the kernel had killed for want of memory when it was last looked at. */
  readonly oomSeen: string;
  readonly stopping: string;
  /** The exit policy and the number of apps, where it is not rkt's. */
  readonly policy: string;
  /** The apps that have ended, where all are waited for. */
  readonly ended: string;
  /** The status that the pod ends with, from when that is settled. */
  readonly first: string;
  /** A command that has PID 1 stop the pod. */
  readonly halt: string;
  /** A command that has PID 1 tell nobody that the pod is ready. */
  readonly unready: string;
  /** Where the app says what goes wrong, for its journal and the caller, and else the caller's own streams: the first that is there. */
  readonly outlets: readonly string[];
}

const INSIDE: ReaperPlaces = {
  status: STATUS_DIR,
  exits: EXITS_DIR,
  started: STARTED_DIR,
  up: UP_DIR,
  units: UNIT_DIR,
  execStatus: EXEC_STATUS_DIR,
  handled: HANDLED_DIR,
  handlerObstacles: HANDLER_OBSTACLES_DIR,
  restart: RESTART_DIR,
  oom: OOM_PATH,
  oomSeen: OOM_SEEN_PATH,
  stopping: STOPPING_MARK,
  policy: EXIT_POLICY_PATH,
  ended: '/run/gantry-ended',
  first: '/run/gantry-failed',
  // SIGRTMIN+3, systemd(1): `halt.target`.
  halt: 'kill -37 1',
  unready: TELL_NOBODY,
  outlets: [streamPath('$app', 'stderr'), `${CALLER_DIR}/stderr`, `${STDIO_DIR}/2`, '/dev/console'],
};

/**
 * The program that runs when an app has ended, for busybox's shell: it notes
 * how, the exit status as a shell would have it, and gives the first failing
 * app's back, which is how PID 1 learns what to exit with. systemd says in
 * MONITOR_* how the app ended (systemd 251).
 */
export function reaperScript(places: ReaperPlaces = INSIDE): string {
  const { status, exits, stopping } = places;
  return `${sayFunction}app=$1 finished=$EPOCHREALTIME reason=exited signal=
case $MONITOR_EXIT_CODE in
exited) code=$MONITOR_EXIT_STATUS ;;
killed | dumped)
  reason=signalled signal=$MONITOR_EXIT_STATUS
${signalStatus('signal')}
  ;;
*) reason=not-started code=${NEVER_RAN} ;;
esac
${startedAgain(places)}${neverReady(places)}${neverStarted(places)}${notExecuted(places)}${outOfMemory(places)}${handlersScript(places)}${neverTried(places)}[ "$code" = 0 ] && [ "$MONITOR_SERVICE_RESULT" != success ] && code=${NEVER_RAN}
echo "{\\"version\\":1,\\"reason\\":\\"$reason\\",\\"code\\":$code\${signal:+,\\"signal\\":\\"$signal\\"},\\"finished\\":$finished}" >${exits}/$app
echo "$code" >${status}/$app
${tellFailure(places)}[ -e ${stopping} ] && exit 0
[ -n "$again" ] && exit 0
${endPod(places)}`;
}

/** On its way to the next start a service looks to systemd 252 as if it had ended well: what is to be started again ends no pod. */
function startedAgain({ restart }: ReaperPlaces): string {
  return `again=
if [ "$2" = ended ] && [ -e ${restart}/$app ]; then
  read -r when limit <${restart}/$app
  [ "$when$code$MONITOR_SERVICE_RESULT" = on-failure0success ] || again=yes
fi
`;
}

/** PID 1 makes an app's last mark when the app is up (units/marks): without it the pod will not be ready any more. */
function neverReady({ started, up, units, unready }: ReaperPlaces): string {
  return `mark=${started}/$app
[ -e ${units}/${upSocketName('$app')} ] && mark=${up}/$app
[ -e $mark ] || [ -n "$again" ] || ${unready}
`;
}

/**
 * PID 1 marks what it has executed, unless that is over before the mark's turn
 * has come: then an end that is not one of systemd's own (`units/exec-steps`),
 * nor one by a stop or a time limit, is the program's, and the mark is made
 * here. What looks like one of systemd's own is not when the app was active.
 */
function neverStarted({ started, stopping }: ReaperPlaces): string {
  return `if [ ! -e ${started}/$app ]; then
  [ "$MONITOR_EXIT_CODE" = exited ] && case $code in
  ${STEP_PATTERN})
    set -- $(systemctl show --value -p InactiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic "$MONITOR_UNIT" 2>/dev/null)
    [ "\${2:-0}" -gt "\${1:-0}" ] || reason=not-started
    ;;
  esac
  { [ -e ${stopping} ] || [ "$MONITOR_SERVICE_RESULT" = timeout ]; } && reason=not-started
  [ $reason = not-started ] || {
    mkfifo -m 600 ${started}/$app
    touch -d "@\${finished%.*}" ${started}/$app
  }
fi
`;
}

/** What keeps a program from being executed was perhaps foreseen; then it has a status, and what is to be said of it unless that has been. */
function notExecuted({ execStatus }: ReaperPlaces): string {
  return `untold= step=
case $code in
${FORESEEN_STEPS.join(' | ')})
  if [ -e ${execStatus}/$app ]; then
    reason=not-started
    { read -r code; read -r untold; } <${execStatus}/$app
  fi
  ;;
esac
[ -z "$untold" ] || say "$untold"
[ $reason = not-started ] && {
${stepNames('code')}
}
[ -z "$step" ] || {
  say "cannot run app \\"$app\\": its systemd failed at step $step"
  code=${NOT_EXECUTABLE}
}
`;
}

/** An app that systemd does not start for want of something of its own, which it has a word for. */
function neverTried({ stopping }: ReaperPlaces): string {
  return `if [ -z "$why$MONITOR_EXIT_CODE" ] && [ ! -e ${stopping} ]; then
  case $MONITOR_SERVICE_RESULT in
  resources | protocol | timeout | watchdog) say "cannot run app \\"$app\\": its systemd ended with \\"$MONITOR_SERVICE_RESULT\\"" ;;
  esac
fi
`;
}

/** `say TEXT` adds a line to what is told when all is written down. */
const sayFunction = `why= newline='
'
say() { why="$why\${why:+$newline}gantry: $1"; }
`;

/** Lines for who looks; opened for reading, too, so that nobody waits for a reader that is not there. */
function tellFailure({ outlets }: ReaperPlaces): string {
  return `if [ -n "$why" ]; then
  for outlet in ${outlets.join(' ')}; do [ -e $outlet ] && break; done
  timeout ${TELL_WITHIN_SECONDS} sh -c 'if [ -p $1 ]; then exec 4<>$1; fi; echo "$2" >>$1' sh $outlet "$why"
fi
`;
}

/** Where systemd does not know, the kernel counts for the whole pod, or for more than that. */
function outOfMemory({ oom, oomSeen }: ReaperPlaces): string {
  return `[ "$MONITOR_SERVICE_RESULT" = oom-kill ] && reason=oom
if [ "$code" = 137 ] && [ -e ${oom} ]; then
  kills=0 seen=0
  while read -r key value; do [ "$key" = oom_kill ] && kills=$value; done <${oom}
  [ -e ${oomSeen} ] && read -r seen <${oomSeen}
  [ "$kills" -gt "$seen" ] && reason=oom
  echo "$kills" >${oomSeen}
fi
`;
}

/** What the exit policy says of this end: a status other than 0 ends the pod with it; so does the signal for a halt, with 0. */
function endPod({ ended, policy, first, halt }: ReaperPlaces): string {
  return `policy=any-failure apps=0
[ -e ${policy} ] && read -r policy apps <${policy}
note() { (set -C && echo "$code" >${first}) 2>/dev/null; }
case $policy in
first-exit)
  note || exit 0
  [ "$code" = 0 ] && ${halt}
  ;;
all)
  [ "$code" = 0 ] || note
  mkdir -p ${ended}
  : >${ended}/$app
  set -- ${ended}/*
  [ $# -lt "$apps" ] && exit 0
  [ -e ${first} ] && read -r code <${first}
  ;;
*)
  [ "$code" = 0 ] && exit 0
  note || exit 0
  ;;
esac
exit "$code"
`;
}
