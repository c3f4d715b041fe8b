import { constants } from 'node:os';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { EntrypointHost, Endpoint } from '#stage1';
import { type CallerTerminal, followSize, takeTerminal } from '../session/caller-terminal.ts';
import { KILLED, whenPodEnds } from '../session/pod-end.ts';
import type { AppOutlets } from './app-outlets.ts';
import { detachFilter } from './detach-filter.ts';
import { tailTap } from './tail-tap.ts';

/** A client: what it is attached to, and where it is. */
export interface ClientRequest {
  readonly outlets: AppOutlets;
  readonly endpoints: readonly Endpoint[];
  readonly detachKeys: Uint8Array;
  readonly caller: CallerTerminal & { readonly stderr: Writable };
}

/** Why a client ends before its app: it left, or a signal came. */
interface Early {
  readonly exitCode: number;
}

const LEFT: Early = { exitCode: 0 };
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Connects the caller with an app until the app is over, or the caller leaves.
 * @returns the app's exit status; 0 when the caller left, 128+n when a signal said so
 */
export async function runClient(host: EntrypointHost, request: ClientRequest): Promise<number> {
  const { outlets, caller } = request;
  const stop = new AbortController();
  const undo: (() => void)[] = [() => stop.abort(), () => caller.stdin.destroy()];
  try {
    return await new Promise<number>((resolve, reject) => {
      const leave = ({ exitCode }: Early): void => resolve(exitCode);
      const appOver = (): void => resolve(outlets.status() ?? KILLED);
      const podEnd = whenPodEnds(host, stop.signal);
      podEnd.catch(reject);

      undo.push(...onSignals(leave));
      // First, for what is drawn anew, or answered at once, is to be seen.
      const outputs = carryOutputs(host, request, { stop: stop.signal, podEnd, leave });
      feed(host, request, { leave, appOver, undo });
      // Who only sends has no output whose end could be seen.
      (outputs.length === 0 ? podEnd : Promise.all(outputs)).then(appOver, reject);
    });
  } finally {
    for (const each of undo.splice(0)) each();
  }
}

function onSignals(leave: (early: Early) => void): readonly (() => void)[] {
  return ENDING_SIGNALS.map((name) => {
    const handler = (): void => leave({ exitCode: 128 + constants.signals[name] });
    process.once(name, handler);
    return () => process.off(name, handler);
  });
}

interface Ways {
  readonly leave: (early: Early) => void;
  readonly appOver: () => void;
  readonly undo: (() => void)[];
}

/** What the caller says, if it is attached to that; on a terminal every key as it is pressed. */
function feed(host: EntrypointHost, request: ClientRequest, { leave, appOver, undo }: Ways): void {
  const { endpoints, caller, outlets, detachKeys } = request;
  const typed = endpoints.includes('tty-in');
  if (!typed && !endpoints.includes('stdin')) return;

  const input: Socket = outlets.openInput();
  undo.push(() => input.destroy());
  // Nobody reads any more.
  input.on('error', appOver);
  caller.stdin.on('error', () => leave(LEFT));
  if (typed && caller.stdin.isTTY) {
    undo.push(takeTerminal(host.kernel), ...showSize(request));
    caller.stdin.once('end', () => leave(LEFT));
    caller.stdin.pipe(detachFilter(detachKeys, () => leave(LEFT))).pipe(input);
    return;
  }
  caller.stdin.pipe(input);
  // Who only sends is done when everything has been sent.
  if (endpoints.length === 1) input.once('finish', () => leave(LEFT));
}

/** The app's terminal becomes as large as the caller's: of another size first, so that what is shown is drawn anew. */
function showSize({ caller, outlets }: ClientRequest): readonly (() => void)[] {
  if (!caller.stdout.isTTY) return [];
  const [columns, rows] = caller.stdout.getWindowSize();
  outlets.setSize({ rows: rows + 1, columns });

  return [followSize(caller, (size) => outlets.setSize(size))];
}

interface Course {
  readonly stop: AbortSignal;
  readonly podEnd: Promise<void>;
  readonly leave: (early: Early) => void;
}

function carryOutputs(
  { log }: EntrypointHost,
  { endpoints, outlets, caller }: ClientRequest,
  { stop, podEnd, leave }: Course,
): readonly Promise<void>[] {
  return (['stdout', 'stderr'] as const).flatMap((stream) => {
    const attached = endpoints.includes(stream);
    if (!attached && !(stream === 'stdout' && endpoints.includes('tty-out'))) return [];

    const to = caller[stream];
    to.on('error', () => leave(LEFT));
    const onLost = (bytes: number): void =>
      log.warning(`${bytes} bytes of ${stream} were not taken in time; "gantry logs" has them`);
    return [tailTap({ dir: outlets.tap(stream), to, stop, podEnd, onLost })];
  });
}
