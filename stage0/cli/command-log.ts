import { createLog, type Log, type LogEvent, stderrSink } from '#base/log/log';
import type { ProgressDisplay } from './progress.ts';

/** A command's talk: its log, and progress while there is some. */
export interface CommandLog extends Disposable {
  readonly log: Log;
  /** Takes progress off the screen, before a question or a result is shown. */
  quiet(): void;
}

export interface TalkOptions {
  readonly debug: boolean;
  /** Neither progress nor information. */
  readonly quiet: boolean;
}

/**
 * Makes the log of a command, on standard error. What shows progress is loaded
 * with the first piece of it.
 */
export function createCommandLog(name: string, { debug, quiet: silent }: TalkOptions): CommandLog {
  const program = `gantry ${name}`;
  const sink = stderrSink(program, debug);
  const plain = (event: LogEvent): void => {
    if (!silent || event.level === 'warning' || event.level === 'error') sink(event);
  };
  let display: ProgressDisplay | undefined;
  let loading = false;

  const log = createLog(
    (event) => (display === undefined ? plain(event) : display.interrupt(() => plain(event))),
    (event) => {
      if (silent) return;
      if (display !== undefined) display.show(event);
      else if (!loading) {
        loading = true;
        void import('./progress.ts').then(({ openProgress }) => {
          display = openProgress(program);
          display.show(event);
        });
      }
    },
  );
  const quiet = (): void => display?.close();

  return { log, quiet, [Symbol.dispose]: quiet };
}
