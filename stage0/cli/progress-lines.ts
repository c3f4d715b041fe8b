import { type ProgressEvent, writeAll } from '#base/log/log';
import type { ProgressDisplay } from './progress.ts';
import { printable } from './printable.ts';
import { amountText, rateText } from './progress-text.ts';

/** How often a line is written about one piece of work. */
const INTERVAL_MS = 10_000;

/**
 * Progress for log files: a line when a piece of work has ended, and one every
 * ten seconds while it goes on.
 * @param clock milliseconds, of any beginning
 */
export function openLines(
  program: string,
  clock: () => number = () => performance.now(),
  write: (line: string) => void = (line) => writeAll(2, line),
): ProgressDisplay {
  const works = new Map<string, { readonly start: number; shown: number }>();

  return {
    show(event) {
      const now = clock();
      const work = works.get(event.id) ?? { start: now, shown: now };
      works.set(event.id, work);
      if (event.finished !== true && now - work.shown < INTERVAL_MS) return;

      work.shown = now;
      write(`${program}: ${lineOf(event, (now - work.start) / 1000)}\n`);
      if (event.finished === true) works.delete(event.id);
    },
    interrupt: (other) => other(),
    close: () => {},
  };
}

function lineOf(event: ProgressEvent, seconds: number): string {
  const isWhole = event.failed !== true && (event.total === undefined || event.done >= event.total);
  const end = isWhole ? ', done' : ', broken off';
  const state = event.finished === true ? end : '';

  return `${event.action} ${printable(event.id)}: ${amountText(event)}${rateText(event, seconds)}${state}`;
}
