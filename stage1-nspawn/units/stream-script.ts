import { CALLER_DIR, PREFIX_MARK, STREAMS_DIR, TAPS_DIR } from './status-dirs.ts';
import { KEPT_PARTS, PART_BYTES, PART_DIGITS } from './tap.ts';

/** Where the program of `streamScript` lies inside stage1. */
export const STREAM_SCRIPT_PATH = '/usr/lib/gantry/stream';
/** And that of `stalledScript`. */
export const STALLED_SCRIPT_PATH = '/usr/lib/gantry/stalled';

/** Process numbers of those that write to the caller. */
const SHOWN_DIR = '/run/gantry-shown';

/** The name of a part, for a shell. */
const PARTS = '[0-9]'.repeat(PART_DIGITS);

/**
 * The program that carries one stream of one app, for busybox's shell: from
 * standard input to standard output, the journal, and to the caller. What goes
 * to the caller passes through a process of its own, so that it can be given up
 * when the caller takes nothing any more, and nothing is lost to the journal.
 * On its way it is written to the tap, where the stream has one.
 */
export function streamScript(): string {
  return `app=$1 stream=$2 caller=${CALLER_DIR}/$2 tap=${TAPS_DIR}/$1/$2
show() {
  read -r pid rest </proc/self/stat
  echo "$pid" >${SHOWN_DIR}/$app.$stream
  # sed would keep lines back, and cannot be told not to.
  [ -e ${PREFIX_MARK} ] && exec awk "{ print \\"$app: \\" \\$0; fflush() }"
  exec cat
}
cut() {
  # For each part once; the oldest goes.
  SHELL=/bin/sh exec split --bytes=${PART_BYTES} --numeric-suffixes --suffix-length=${PART_DIGITS} \\
    --filter="set -- $tap/${PARTS}; while [ \\$# -ge ${KEPT_PARTS} ]; do busybox rm -f \\$1; shift; done
      exec busybox cat >\\$FILE" - $tap/
}
tapped() { { tee /proc/self/fd/6 6>&1 >&7 | cut 7>&-; } 7>&1; }
carry() {
  [ -e $caller ] || exec cat
  if [ -c $caller ] && [ "$(readlink $caller)" = /dev/console ]; then stty -F /dev/console -onlcr; fi
  # A pipe that nobody reads any more would not open; so it does, and fails later.
  if [ -p $caller ]; then command exec 4<>$caller || exec cat; fi
  command exec 3>>$caller || exec cat
  exec 4>&-
  mkdir -p ${SHOWN_DIR}
  { tee /proc/self/fd/4 4>&1 >&5 3>&- | show >&3 5>&-; } 5>&1
}
if [ -d $tap ]; then tapped | carry; else carry; fi
`;
}

/** The program that gives up on a caller that takes nothing any more, when all apps are over. */
export function stalledScript(): string {
  return `for file in ${SHOWN_DIR}/*; do
  read -r pid <$file && kill $pid
done
`;
}

/** Where the FIFO of a stream lies inside stage1. */
export const streamPath = (app: string, stream: string): string =>
  `${STREAMS_DIR}/${app}/${stream}`;
