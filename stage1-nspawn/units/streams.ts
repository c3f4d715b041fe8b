import type { StdioModes } from '#stage1';
import { type StreamName, streamSocketName, terminalName } from './names.ts';
import { TERMINALS_DIR } from './status-dirs.ts';
import { streamPath } from './stream-script.ts';
import type { Setting } from './unit.ts';

/**
 * Where the standard streams of a pod's apps lead. `log`: where each app's modes
 * say. `terminal`: to one that nspawn connects with the caller's. `direct`: to
 * the caller's own descriptors.
 */
export type AppStreams = 'log' | 'terminal' | 'direct';

/** Where the descriptors of the pod's first process are mounted, inside stage1. */
export const STDIO_DIR = '/rkt/stdio';

/** An app as far as its streams go. */
export interface StreamedApp {
  /** How it is called in the journal, too. */
  readonly name: string;
  readonly stdio: StdioModes;
}

/** The streams of an app that are carried to the journal; what its terminal shows is standard output. */
export function carriedStreams(streams: AppStreams, { stdio }: StreamedApp): readonly StreamName[] {
  if (streams !== 'log') return [];

  return [
    ...(stdio.stdout === 'null' ? [] : (['stdout'] as const)),
    ...(stdio.stderr === 'null' || stdio.stderr === 'tty' ? [] : (['stderr'] as const)),
  ];
}

/** The streams that clients can attach to. */
export function tappedStreams({ stdio }: StreamedApp): readonly StreamName[] {
  return (['stdout', 'stderr'] as const).filter(
    (stream) => stdio[stream] === 'stream' || (stream === 'stdout' && stdio.stdout === 'tty'),
  );
}

/** Whether an app has a terminal of its own. */
export const hasTerminal = ({ stdio }: StreamedApp): boolean => stdio.stdout === 'tty';

/** The units that an app's streams need. */
export function streamUnitNames(streams: AppStreams, app: StreamedApp): readonly string[] {
  if (streams !== 'log') return [];
  const output = carriedStreams(streams, app).map((stream) => streamSocketName(stream, app.name));
  // Also when nothing is ever typed: what holds a terminal reads until its input ends.
  const reads = app.stdio.stdin === 'stream' || hasTerminal(app);

  return [
    ...output,
    ...(reads ? [streamSocketName('stdin', app.name)] : []),
    ...(hasTerminal(app) ? [terminalName(app.name)] : []),
  ];
}

/** The settings of an app's service. */
export function streamSettings(streams: AppStreams, app: StreamedApp): readonly Setting[] {
  if (streams === 'terminal') return TERMINAL;
  if (streams === 'direct') return DIRECT;

  const { stdin, stdout, stderr } = app.stdio;
  return [
    ['StandardInput', inputs(app)[stdin]],
    ['StandardOutput', outputs(app, 'stdout')[stdout]],
    ['StandardError', outputs(app, 'stderr')[stderr]],
    ...(hasTerminal(app) ? [['TTYPath', `${TERMINALS_DIR}/${app.name}`] as const] : []),
  ];
}

const inputs = ({ name }: StreamedApp): Readonly<Record<StdioModes['stdin'], string>> => ({
  null: 'null',
  stream: `file:${streamPath(name, 'stdin')}`,
  // What holds the terminal is where it is from, not whose it is.
  tty: 'tty-force',
});

function outputs(
  { name }: StreamedApp,
  stream: StreamName,
): Readonly<Record<StdioModes['stdout'], string>> {
  const carried = `append:${streamPath(name, stream)}`;

  return { null: 'null', log: carried, stream: carried, tty: 'tty' };
}

const TERMINAL: readonly Setting[] = [
  ['StandardInput', 'tty'],
  ['StandardOutput', 'tty'],
  ['StandardError', 'tty'],
  ['TTYPath', '/dev/console'],
];
const DIRECT: readonly Setting[] = [
  ['StandardInput', `file:${STDIO_DIR}/0`],
  ['StandardOutput', `append:${STDIO_DIR}/1`],
  ['StandardError', `append:${STDIO_DIR}/2`],
];
