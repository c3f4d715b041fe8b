import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import type { Kernel, WindowSize } from '#base/kernel/kernel';
import { readStatus } from '../session/watch-status.ts';
import { STATUS_DIR, TERMINALS_DIR } from '../units/status-dirs.ts';
import { streamPath } from '../units/stream-script.ts';
import { tapDir } from '../units/tap.ts';

/** Where the streams of an app of a running pod are to be had, on the host. */
export interface AppOutlets extends Disposable {
  /** The folder of what comes out of a stream. */
  tap(stream: 'stdout' | 'stderr'): string;
  /** What is written there is read by the app, or typed on its terminal. */
  openInput(): Socket;
  /** The app's exit status, when it has ended. */
  status(): number | undefined;
  /** Of the app's terminal, if it is there. */
  setSize(size: WindowSize): void;
}

/**
 * Opens the way to an app's streams; it stays open when the pod ends, for what
 * the app said last is still to be read then.
 * @throws GantryError POD_STOPPING, POD_NOT_READY
 */
export function openOutlets(kernel: Kernel, pid: number, app: string): AppOutlets {
  const fd = openRoot(pid);
  const inside = (path: string): string => join(`/proc/self/fd/${fd}`, path);

  return {
    tap: (stream) => inside(tapDir(app, stream)),
    openInput() {
      try {
        const input = openSync(
          inside(streamPath(app, 'stdin')),
          constants.O_WRONLY | constants.O_NONBLOCK,
        );
        return new Socket({ fd: input, readable: false, writable: true });
      } catch (error) {
        throw new GantryError(
          'POD_NOT_READY',
          `cannot attach to app "${app}": it is just starting, or has just ended`,
          { hint: 'wait for it with "gantry status --wait-ready"', cause: error },
        );
      }
    },
    status: () => readStatus(inside(join(STATUS_DIR, app))),
    setSize: (size) => resize(kernel, { inside, app }, size),
    [Symbol.dispose]: () => closeSync(fd),
  };
}

function openRoot(pid: number): number {
  try {
    return openSync(`/proc/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    throw new GantryError('POD_STOPPING', 'cannot attach to the pod: it is ending', {
      cause: error,
    });
  }
}

interface Terminal {
  readonly inside: (path: string) => string;
  readonly app: string;
}

/** An app that is just starting or ending has no terminal: whoever looks next tells its size again. */
function resize(kernel: Kernel, { inside, app }: Terminal, size: WindowSize): void {
  let terminal: number | undefined;
  try {
    const path = readlinkSync(inside(join(TERMINALS_DIR, app)));
    if (!/^\/dev\/pts\/\d+$/.test(path)) return;
    terminal = openSync(inside(path), constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    kernel.setWindowSize(terminal, size);
  } catch {
    // It is not there.
  } finally {
    if (terminal !== undefined) closeSync(terminal);
  }
}
