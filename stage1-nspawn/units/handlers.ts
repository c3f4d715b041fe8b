/** Where the reaper finds what concerns handlers. */
export interface HandlerPlaces {
  /** A file per app that has a post-stop handler. */
  readonly handled: string;
  /** A folder per kind of handler, in it a file per app: what is yet to be said of one that cannot be executed. */
  readonly handlerObstacles: string;
  readonly stopping: string;
}

/** systemd.exec(5): EXIT_EXEC. */
const EXIT_EXEC = 203;
const ENDED = 'ExecMainExitTimestamp';

/**
 * Lines of the reaper that look at an app's handlers: which of them failed goes
 * to `why`. After a handler it is late to look at the clock, and there is time
 * to ask systemd, which knows when the app itself ended. What a handler executes
 * may have several lines.
 */
export function handlersScript({ handled, handlerObstacles, stopping }: HandlerPlaces): string {
  return `handler() {
  how=\${2##*; code=}
  how=\${how%% \\}*}
  state=\${how##*status=} how=\${how%% ;*}
  problem="\\"\${2%% ; argv*}\\""
  case $how:$state in
  exited:0) return ;;
  exited:*) problem="$problem exited with $state" ;;
  killed:* | dumped:*) problem="$problem was ended by SIG\${state##*/}" ;;
  *) return ;;
  esac
  if [ $how:$state = exited:${EXIT_EXEC} ] && [ -e ${handlerObstacles}/$1/$app ]; then
    read -r problem <${handlerObstacles}/$1/$app
    [ -n "$problem" ] || return
  fi
  say "cannot run the $1 handler of app \\"$app\\": $problem"
}
if [ -z "$MONITOR_EXIT_CODE" ] || [ -e ${handled}/$app ]; then
  told=$(systemctl show --timestamp=us+utc -p ${ENDED} -p ExecStartPre -p ExecStopPost "$MONITOR_UNIT" 2>/dev/null)
  if [ -n "$MONITOR_EXIT_CODE" ]; then
    set -f
    set -- \${told#*${ENDED}=}
    set +f
    [ -n "$3" ] && seconds=$(date -u -d "$2 \${3%.*}" +%s) && finished=$seconds.\${3#*.}
  fi
  early=\${told%%ExecStopPost=*}
  case $early in
  *ExecStartPre={*)
    # What is stopped before its app was started has not failed.
    [ -e ${stopping} ] || handler pre-start "\${early#*ExecStartPre=\\{ path=}"
    ;;
  esac
  case $told in
  *ExecStopPost={*) handler post-stop "\${told#*ExecStopPost=\\{ path=}" ;;
  esac
fi
`;
}
