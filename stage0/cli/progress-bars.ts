import cliProgress from 'cli-progress';
import type { ProgressEvent } from '#base/log/log';
import { printable } from './printable.ts';
import type { ProgressDisplay } from './progress.ts';
import { amountText, rateText, timeLeftText } from './progress-text.ts';

/** Columns of a bar. */
const BAR_WIDTH = 20;
/** Columns of a terminal that does not say, or says none. */
const DEFAULT_COLUMNS = 80;

interface Work {
  readonly bar: cliProgress.SingleBar;
  readonly start: number;
}

/** Progress for a terminal: a bar for each piece of work, with rate and time left. */
export function openBars(): ProgressDisplay {
  let bars: cliProgress.MultiBar | undefined;
  const works = new Map<string, Work>();
  const close = (): void => {
    bars?.stop();
    bars = undefined;
    works.clear();
  };

  return {
    show(event) {
      bars ??= openMultiBar();
      const work = works.get(event.id) ?? beginWork(bars, event);
      works.set(event.id, work);
      const seconds = (performance.now() - work.start) / 1000;
      work.bar.setTotal(Math.max(event.total ?? event.done, 1));
      work.bar.update(event.done, { text: textOf(event, seconds) });
      if (event.finished !== true) return;

      work.bar.stop();
      works.delete(event.id);
      if (works.size === 0) close();
    },
    interrupt(write) {
      close();
      write();
    },
    close,
  };
}

function openMultiBar(): cliProgress.MultiBar {
  return new cliProgress.MultiBar(
    // Neither a hidden cursor nor lines that do not wrap: who interrupts the
    // program would be left with them.
    { format: '{bar} {text}', barsize: BAR_WIDTH, hideCursor: false, linewrap: true, fps: 10 },
    cliProgress.Presets.shades_classic,
  );
}

function beginWork(bars: cliProgress.MultiBar, event: ProgressEvent): Work {
  return {
    bar: bars.create(Math.max(event.total ?? 1, 1), 0, { text: '' }),
    start: performance.now(),
  };
}

/** Ends with what is the longest, and is cut so that the line does not wrap. */
function textOf(event: ProgressEvent, seconds: number): string {
  const timeLeft = event.finished === true ? '' : timeLeftText(event, seconds);
  const text = `${amountText(event)}${rateText(event, seconds)}${timeLeft}  ${event.action} ${printable(event.id)}`;

  return text.slice(0, (process.stderr.columns || DEFAULT_COLUMNS) - BAR_WIDTH - 2);
}
