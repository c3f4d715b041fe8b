import { isatty } from 'node:tty';
import type { ProgressEvent } from '#base/log/log';
import { openBars } from './progress-bars.ts';
import { openLines } from './progress-lines.ts';

/** Shows how far pieces of work have come. */
export interface ProgressDisplay {
  show(event: ProgressEvent): void;
  /** Lets something else write to standard error in between. */
  interrupt(write: () => void): void;
  /** Takes everything off the screen; what comes later is shown again. */
  close(): void;
}

/** Bars on a terminal, lines now and then elsewhere. @param program begins each line */
export function openProgress(program: string): ProgressDisplay {
  return isatty(2) ? openBars() : openLines(program);
}
