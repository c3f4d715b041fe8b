import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Kernel } from '#base/kernel/kernel';
import { passSignals } from './caller-signals.ts';
import type { Pump } from './perform-session.ts';

const STREAMS = ['stdin', 'stdout', 'stderr'] as const;
const FIFO = 0o010000;

/** The caller's standard streams. */
export interface CallerStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/**
 * Connects a command with a caller that has no terminal, by FIFOs in the
 * command's folder. They are held open until the command has them, so that
 * nobody blocks and nothing is lost.
 */
export function connectPipes(kernel: Kernel, dir: string, caller: CallerStreams): Pump {
  const held = STREAMS.map((name) => {
    const path = join(dir, name);
    kernel.makeNode(path, FIFO | 0o600);
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  });
  const letGo = (): void => {
    for (const fd of held.splice(0)) closeSync(fd);
  };
  const sockets: Socket[] = [];

  return {
    async start(signal) {
      const stopPassing = passSignals(signal);
      const open = (name: string, flags: number): Socket => {
        const fd = openSync(join(dir, name), flags | constants.O_NONBLOCK);
        const readable = flags === constants.O_RDONLY;
        const socket = new Socket({ fd, readable, writable: !readable });
        sockets.push(socket);
        return socket;
      };
      const outputs = [
        carry(open('stdout', constants.O_RDONLY), caller.stdout),
        carry(open('stderr', constants.O_RDONLY), caller.stderr),
      ];
      feed(caller.stdin, openInput(open));
      letGo();

      await Promise.all(outputs);
      stopPassing();
    },
    close() {
      letGo();
      for (const socket of sockets) socket.destroy();
      caller.stdin.destroy();
    },
  };
}

/** A command that ended at once reads no more. */
function openInput(open: (name: string, flags: number) => Socket): Socket | undefined {
  try {
    return open('stdin', constants.O_WRONLY);
  } catch {
    return undefined;
  }
}

function feed(from: Readable, to: Socket | undefined): void {
  if (to === undefined) return;
  to.on('error', () => to.destroy());
  from.on('error', () => to.end());
  from.pipe(to);
}

/** Carries output to the caller until its end; when the caller has gone, the command finds its pipe closed. */
async function carry(from: Socket, to: Writable): Promise<void> {
  const giveUp = (): void => void from.destroy();
  to.once('error', giveUp);
  from.pipe(to, { end: false });
  await finished(from, { writable: false }).catch(() => {});
  to.off('error', giveUp);
  await flushed(to);
}

/** Resolves when everything has been handed to the system, or nobody takes it any more. */
async function flushed(stream: Writable): Promise<void> {
  await new Promise<void>((resolve) => void stream.write('', () => resolve()));
}
