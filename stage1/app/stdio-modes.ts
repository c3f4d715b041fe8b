import { GantryError } from '#base/errors/gantry-error';
import type { RuntimeApp } from '#schema/pod/pod-manifest';

/** App annotations that say where its standard streams lead; rkt's. */
export const STDIO_ANNOTATIONS = {
  stdin: 'coreos.com/rkt/stage2/stdin',
  stdout: 'coreos.com/rkt/stage2/stdout',
  stderr: 'coreos.com/rkt/stage2/stderr',
} as const;

export type StdioStream = keyof typeof STDIO_ANNOTATIONS;

/** The modes of each stream; the first is meant when nothing is said. */
export const STDIO_MODES = {
  stdin: ['null', 'stream', 'tty'],
  stdout: ['log', 'null', 'stream', 'tty'],
  stderr: ['log', 'null', 'stream', 'tty'],
} as const;

/**
 * Where an app's standard streams lead. `null`: nowhere; `log`: to the journal;
 * `stream`: for clients that attach, and what goes out to the journal too;
 * `tty`: a terminal of the app's own, likewise.
 */
export type StdioModes = {
  readonly [Stream in StdioStream]: (typeof STDIO_MODES)[Stream][number];
};

/** Reads one mode. @throws GantryError STDIO_INVALID */
export function parseStdioMode<Stream extends StdioStream>(
  stream: Stream,
  text: string,
): StdioModes[Stream] {
  const modes: readonly string[] = STDIO_MODES[stream];
  if (modes.includes(text)) return text as StdioModes[Stream];

  const hint =
    text === 'interactive'
      ? 'for the terminal of the caller there is --interactive'
      : `modes are ${modes.join(', ')}`;
  throw new GantryError('STDIO_INVALID', `cannot read the mode of ${stream}: unknown "${text}"`, {
    hint,
  });
}

/** The modes that a pod manifest gives an app. @throws GantryError STDIO_INVALID */
export function stdioModesOf({ name, annotations = [] }: RuntimeApp): StdioModes {
  const read = <Stream extends StdioStream>(stream: Stream): StdioModes[Stream] => {
    const annotation: string = STDIO_ANNOTATIONS[stream];
    const said = annotations.find((each) => each.name === annotation)?.value;
    return parseStdioMode(stream, said ?? STDIO_MODES[stream][0]);
  };
  const modes = { stdin: read('stdin'), stdout: read('stdout'), stderr: read('stderr') };
  demandOneKind(name, modes);

  return modes;
}

/** A terminal is one thing for input and output: what is typed is shown where the app writes. */
function demandOneKind(app: string, modes: StdioModes): void {
  const all: readonly string[] = Object.values(modes);
  if (!all.includes('tty')) return;
  if (all.includes('stream')) {
    throw new GantryError(
      'STDIO_INVALID',
      `cannot give app "${app}" both a terminal and streams: clients attach to the one or the others`,
      { hint: 'use the mode tty, or stream, for all of them' },
    );
  }
  if (modes.stdout === 'tty') return;

  throw new GantryError(
    'STDIO_INVALID',
    `cannot give app "${app}" a terminal without its standard output`,
    { hint: 'add --stdout=tty' },
  );
}

/** Whether nothing but the default was asked for. */
export const isPlainStdio = ({ stdin, stdout, stderr }: StdioModes): boolean =>
  stdin === 'null' && stdout === 'log' && stderr === 'log';

/** What clients of an app can attach to; rkt's names. */
export const ENDPOINTS = ['tty-in', 'tty-out', 'stdin', 'stdout', 'stderr'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** The endpoints of an app, in the order that they are listed. */
export function endpointsOf(modes: StdioModes): readonly Endpoint[] {
  if (modes.stdout === 'tty') return modes.stdin === 'tty' ? ['tty-in', 'tty-out'] : ['tty-out'];

  return (['stdin', 'stdout', 'stderr'] as const).filter((stream) => modes[stream] === 'stream');
}
