import { createLog, type Log, type LogEvent, type ProgressEvent, stderrSink } from '#base/log/log';
import { printableLines } from './printable.ts';
import type { ProgressDisplay } from './progress.ts';

/** A command's talk: its log, and progress while there is some. Disposing of it ends progress for good. */
export interface CommandLog extends Disposable {
  readonly log: Log;
  /** Takes progress off the screen, before a question or a result is shown. */
  quiet(): void;
}

export interface TalkOptions {
  readonly debug: boolean;
  /** Neither progress nor information. */
  readonly quiet: boolean;
  /** Makes what shows progress; loaded with the first piece of it unless told. */
  readonly openDisplay?: ((program: string) => Promise<ProgressDisplay>) | undefined;
}

/** Makes the log of a command, on standard error. */
export function createCommandLog(name: string, options: TalkOptions): CommandLog {
  const { debug, quiet: silent, openDisplay = loadDisplay } = options;
  const program = `gantry ${name}`;
  const sink = stderrSink(program, debug);
  const plain = (event: LogEvent): void => {
    if (silent && event.level !== 'warning' && event.level !== 'error') return;
    sink({ ...event, message: printableLines(event.message) });
  };
  const progress = createProgress(() => openDisplay(program));

  return {
    log: createLog(
      (event) => progress.interrupt(() => plain(event)),
      silent ? undefined : (event) => progress.show(event),
    ),
    quiet: () => progress.close(),
    [Symbol.dispose]: () => progress.end(),
  };
}

async function loadDisplay(program: string): Promise<ProgressDisplay> {
  const { openProgress } = await import('./progress.ts');

  return openProgress(program);
}

/** Progress whose display comes late: until it is there the last news of each piece of work are kept. */
function createProgress(
  open: () => Promise<ProgressDisplay>,
): ProgressDisplay & { readonly end: () => void } {
  const waiting = new Map<string, ProgressEvent>();
  let display: ProgressDisplay | undefined;
  let opening = false;
  let ended = false;

  return {
    show(event) {
      if (ended) return;
      if (display !== undefined) {
        display.show(event);
        return;
      }
      waiting.set(event.id, event);
      if (opening) return;

      opening = true;
      void open().then((opened) => {
        display = opened;
        if (!ended) for (const each of waiting.values()) opened.show(each);
      });
    },
    interrupt: (write) => (display === undefined ? write() : display.interrupt(write)),
    close: () => {
      waiting.clear();
      display?.close();
    },
    end: () => {
      ended = true;
      display?.close();
    },
  };
}
