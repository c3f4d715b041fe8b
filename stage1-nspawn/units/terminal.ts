import { EXIT_UNIT, streamSocketName, terminalName } from './names.ts';
import { TERMINALS_DIR } from './status-dirs.ts';
import { streamPath } from './stream-script.ts';
import { BARE, ROOT_SLICE, type Unit } from './unit.ts';

/** Where the program of `terminalScript` lies inside stage1. */
export const TERMINAL_SCRIPT_PATH = '/usr/lib/gantry/terminal';

/** Of a terminal that nobody has looked at yet. */
const FIRST_SIZE = { rows: 24, columns: 80 } as const;

/**
 * What has the other end of an app's terminal: `script` of util-linux. What
 * comes through the FIFO of standard input is typed, and what is shown goes the
 * way of standard output:
 *
 *     stdin FIFO ──► script ═══ terminal ═══ app
 *                      └──► stdout FIFO ──► stdout@APP.service
 *
 * It stays as long as the app is to be started again, and when the app is over
 * it reads what is left before it ends; only then can the stream end.
 */
export const TERMINAL_UNIT: Unit = {
  name: terminalName(''),
  unit: [
    BARE,
    ['StopWhenUnneeded', 'yes'],
    ['Requires', `${streamSocketName('stdin', '%i')} ${streamSocketName('stdout', '%i')}`],
    // Its reader is there from the beginning, for the first bytes may be the last ones.
    ['Wants', 'stdout@%i.service'],
    [
      'After',
      `${streamSocketName('stdin', '%i')} ${streamSocketName('stdout', '%i')} stdout@%i.service`,
    ],
    ['Before', EXIT_UNIT],
  ],
  service: [
    // The app may start when the terminal is there, which is when the first process ends.
    ['Type', 'forking'],
    ROOT_SLICE,
    ['StandardInput', `file:${streamPath('%i', 'stdin')}`],
    ['StandardOutput', `append:${streamPath('%i', 'stdout')}`],
    ['StandardError', 'null'],
    ['ExecStart', `/usr/bin/busybox sh ${TERMINAL_SCRIPT_PATH} %i`],
    // SIGTERM would end it where it is. This one it does not take: what runs on the terminal dies of it, and script reads to the end.
    ['KillSignal', 'SIGHUP'],
    ['TimeoutStopSec', 'infinity'],
  ],
};

/** The program that makes a terminal and leaves somebody with it; for busybox's shell. */
export function terminalScript(): string {
  const { rows, columns } = FIRST_SIZE;
  return `app=$1 made=/run/gantry-terminal-$1
mkdir -p ${TERMINALS_DIR}
mkfifo $made
# In the background the shell would have it read nothing.
exec 3<&0
# What runs on it only keeps it open between one start of the app and the next.
SHELL=/bin/sh script --quiet --flush --command "
  busybox stty sane rows ${rows} cols ${columns}
  busybox tty >$made
  exec busybox sleep 2147483647" /dev/null <&3 3<&- &
read -r terminal <$made
rm $made
ln -sf $terminal ${TERMINALS_DIR}/$app
`;
}
