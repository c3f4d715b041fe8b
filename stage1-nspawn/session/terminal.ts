import { chmodSync, chownSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import type { Kernel } from '#base/kernel/kernel';
import { passSignals } from './caller-signals.ts';
import { type CallerTerminal, followSize, takeTerminal } from './caller-terminal.ts';
import type { Pump } from './perform-session.ts';
import { writeCalmly } from './write-calmly.ts';

/** A terminal in the pod, and what carries it to the caller's. */
export interface ConnectedTerminal {
  /** In the pod's devpts. */
  readonly number: number;
  readonly pump: Pump;
}

/** Whom the terminals of a pod belong to beside their user, as devpts has it. */
const TTY_GROUP = 5;

/** Of those that arrive, what no key of the terminal has said. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

/**
 * Makes a terminal in the pod for a command. Its other end is held by this
 * process alone: when that dies, the command is hung up.
 * @param root stage1's root file system
 * @param uid the command's user
 */
export function connectTerminal(
  kernel: Kernel,
  { root, uid }: { readonly root: string; readonly uid: number },
  caller: CallerTerminal,
): ConnectedTerminal {
  const devpts = join(root, 'dev/pts');
  const { master, number } = kernel.openTerminal(devpts);
  const path = join(devpts, String(number));
  chownSync(path, uid, TTY_GROUP);
  chmodSync(path, 0o620);
  const undo: (() => void)[] = [followSize(caller, (size) => kernel.setWindowSize(master, size))];
  const from = new ReadStream(master);
  const to = writeCalmly(master, () => !from.destroyed);

  return {
    number,
    pump: {
      async start(signal) {
        undo.push(passSignals(signal, PASSED_ON));
        // The caller's terminal has been closed: so is the command's.
        undo.push(passSignals(() => from.destroy(), ['SIGHUP']));
        undo.push(takeTerminal(kernel));
        await carry({ from, to }, caller);
      },
      close() {
        for (const each of undo.splice(0)) each();
        caller.stdin.destroy();
        to.destroy();
        from.destroy();
      },
    },
  };
}

interface Ends {
  readonly from: ReadStream;
  readonly to: Writable;
}

/** Until the last process that has the terminal has let go of it, which the kernel calls EIO; or the caller's is closed. */
async function carry({ from, to }: Ends, { stdin, stdout }: CallerTerminal): Promise<void> {
  const closed = new Promise<void>((resolve) => from.once('close', resolve));
  const hangUp = (): void => void from.destroy();
  from.on('error', () => {});
  to.on('error', () => {});
  stdin.once('error', hangUp);
  stdin.once('end', hangUp);
  stdout.on('error', hangUp);
  stdin.pipe(to, { end: false });
  // A caller who takes nothing holds the command up, as a terminal does.
  from.pipe(stdout, { end: false });

  await closed;
  stdin.unpipe(to);
  to.destroy();
}
