import type { ReadStream, WriteStream } from 'node:tty';
import type { Kernel, WindowSize } from '#base/kernel/kernel';
import { kernelErrno } from '#base/kernel/native';

/** The caller's terminal. */
export interface CallerTerminal {
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
}

const STDIN = 0;

/**
 * Has the caller's terminal pass on every key as it is pressed, and everything
 * that is shown as it comes: Node's raw mode would leave newlines as they are
 * made for a line printer.
 * @returns gives it back as it was; a terminal that was closed needs nothing any more
 */
export function takeTerminal(kernel: Kernel): () => void {
  const before = kernel.makeTerminalRaw(STDIN);

  return () => {
    try {
      kernel.setTerminal(STDIN, before);
    } catch (error) {
      if (kernelErrno(error) !== 'EIO') throw error;
    }
  };
}

/** Tells the size of the caller's window, now and whenever it changes. @returns ends that */
export function followSize(
  { stdout }: CallerTerminal,
  tell: (size: WindowSize) => void,
): () => void {
  const told = (): void => {
    const [columns, rows] = stdout.getWindowSize();
    tell({ rows, columns });
  };
  told();
  stdout.on('resize', told);

  return () => void stdout.off('resize', told);
}
