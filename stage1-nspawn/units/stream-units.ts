import type { AcName } from '#schema/types/names';
import {
  endedUnitName,
  EXIT_UNIT,
  failedUnitName,
  LIVE_TARGET,
  overTargetName,
  STALLED_TIMER,
  type StreamName,
  streamOverName,
  streamSocketName,
  terminalName,
} from './names.ts';
import { hasTerminal, type StreamedApp } from './streams.ts';
import { STALLED_SCRIPT_PATH, STREAM_SCRIPT_PATH } from './stream-script.ts';
import { STREAMS_DIR } from './status-dirs.ts';
import { markUnit } from './marks.ts';
import { TAP_OVER, tapDir } from './tap.ts';
import { BARE, ROOT_SLICE, type Setting, type Unit } from './unit.ts';

/** syslog(3) levels, by which journalctl colours and filters. */
const LEVELS: Readonly<Record<StreamName, string>> = { stdout: 'info', stderr: 'err' };

/**
 * What carries the output of apps. Each stream is a FIFO that PID 1 makes and
 * holds open, so that no app blocks on opening it or dies of writing to it, and
 * `/dev/stdout` can be opened. An app that says nothing costs no process:
 *
 *     app ──► FIFO ──► stdout@APP.service ──► journal, caller
 *              │ first byte
 *              ▼
 *       stdout@APP.socket ─starts─► stdout_heard@APP.service ─wants─► stdout@APP.service
 *
 * In between stands a service without a process, since systemd would stop what
 * a socket starts before the socket. So it is the other way round: when an app
 * is over, `app_over@APP.target` waits for its reaper and for readers that are
 * just starting, then stops at once; nothing needs the socket any more. That
 * closes the FIFO; a reader reads what is in it and ends by itself, which PID 1
 * waits for.
 */
export const STREAM_UNITS: readonly Unit[] = [
  streamSocket('stdin', []),
  heardUnit('stdin', []),
  ...outputUnits('stdout'),
  ...outputUnits('stderr'),
  {
    name: STALLED_TIMER,
    unit: [BARE],
    timer: [
      ['OnActiveSec', '5s'],
      ['AccuracySec', '100ms'],
    ],
  },
  {
    name: STALLED_TIMER.replace(/timer$/, 'service'),
    unit: [BARE],
    service: [
      ['Type', 'oneshot'],
      ROOT_SLICE,
      ['ExecStart', `/usr/bin/busybox sh ${STALLED_SCRIPT_PATH}`],
    ],
  },
];

/** What a socket starts, which does nothing and is never stopped: there must be something that it could execute. */
function heardUnit(stream: StreamName | 'stdin', unit: readonly Setting[]): Unit {
  return {
    name: `${stream}_heard@.service`,
    unit: [BARE, ...unit],
    service: [
      ['Type', 'oneshot'],
      ROOT_SLICE,
      ['RemainAfterExit', 'yes'],
      ['ExecStop', '/usr/bin/busybox true'],
    ],
  };
}

/** Holds a stream open: the app blocks on no opening; clients come and go, and its input does not end. */
function streamSocket(
  stream: StreamName | 'stdin',
  unit: readonly Setting[],
  app: string = '',
): Unit {
  return {
    name: streamSocketName(stream, app),
    unit: [BARE, ['StopWhenUnneeded', 'yes'], ['Before', EXIT_UNIT], ...unit],
    socket: [
      ROOT_SLICE,
      ['ListenFIFO', `${STREAMS_DIR}/%i/${stream}`],
      // Whoever an app runs as may open what it has anyway, nobody else comes into the folder.
      ['SocketMode', '0666'],
      ['DirectoryMode', '0700'],
      ['Service', `${stream}_heard@%i.service`],
    ],
  };
}

/** The units of a stream that clients can attach to: when it has ended, that is marked in its tap. */
export function tapUnits(app: AcName, stream: StreamName): readonly Unit[] {
  const over = streamOverName(stream, app);

  return [
    streamSocket(stream, [['OnSuccess', over]], app),
    markUnit({
      name: over,
      path: `${tapDir(app, stream)}/${TAP_OVER}`,
      unit: [
        ['After', `${stream}@${app}.service`],
        ['Before', EXIT_UNIT],
      ],
    }),
  ];
}

function outputUnits(stream: StreamName): readonly Unit[] {
  const reader = `${stream}@.service`;

  return [
    streamSocket(stream, []),
    heardUnit(stream, [['Wants', `${stream}@%i.service`]]),
    {
      name: reader,
      unit: [
        BARE,
        ['Requires', 'systemd-journald.socket'],
        ['After', 'systemd-journald.socket'],
        ['PartOf', streamSocketName(stream, '%i')],
        ['Before', EXIT_UNIT],
      ],
      service: [
        // Started only when it has the FIFO open.
        ['Type', 'exec'],
        ROOT_SLICE,
        ['StandardInput', `file:${STREAMS_DIR}/%i/${stream}`],
        ['StandardOutput', 'journal'],
        // What busybox has to say is not the app's.
        ['StandardError', 'null'],
        ['SyslogIdentifier', '%i'],
        ['SyslogLevel', LEVELS[stream]],
        // What an app prints is text, even when it begins with "<3>".
        ['SyslogLevelPrefix', 'no'],
        ['ExecStart', `/usr/bin/busybox sh ${STREAM_SCRIPT_PATH} %i ${stream}`],
        // Stopping it means to wait until it has read everything.
        ['KillSignal', 'SIGCONT'],
        ['TimeoutStopSec', 'infinity'],
      ],
    },
  ];
}

/** The unit by which the streams of an app end after everything that it said has been heard. */
export function overTarget(
  { name: app, ...rest }: StreamedApp & { readonly name: AcName },
  streams: readonly StreamName[],
): Unit {
  // A terminal is read to its end before its stream ends.
  const terminal = hasTerminal({ name: app, ...rest }) ? [terminalName(app)] : [];

  return {
    name: overTargetName(app),
    unit: [
      BARE,
      ['StopWhenUnneeded', 'yes'],
      ['Requires', LIVE_TARGET],
      [
        'After',
        [
          LIVE_TARGET,
          endedUnitName(app),
          failedUnitName(app),
          ...terminal,
          ...streams.map((stream) => `${stream}@${app}.service`),
        ].join(' '),
      ],
      ['Wants', streams.map((stream) => streamSocketName(stream, app)).join(' ')],
      ['Before', EXIT_UNIT],
    ],
  };
}
