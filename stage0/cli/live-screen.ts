import { isatty, ReadStream, WriteStream } from 'node:tty';
import { LONGEST_TIMER_MS } from '#base/time/deadline';

/** A terminal that shows one picture after another until it is given back as it was. */
export interface LiveScreen extends Disposable {
  /** Shows lines, cut to what fits; the first one stands out. */
  show(lines: readonly string[]): void;
  /** Waits for a key, for so long. @returns undefined when none was pressed, or the size of the terminal has changed */
  key(timeoutMs: number): Promise<string | undefined>;
}

/** Whether standard output is a terminal on which pictures can be shown. */
export function canShowLive(term: string | undefined): boolean {
  return isatty(1) && term !== undefined && term !== 'dumb';
}

// Control sequences of xterm(1), which terminals have in common.
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const TO_END_OF_LINE = '\x1b[K';
const TO_END_OF_SCREEN = '\x1b[J';
const STANDING_OUT = '\x1b[7m';
const PLAIN = '\x1b[m';

const CONTROL_Z = '\x1a';
const ENDINGS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** Takes the terminal at standard output, and standard input for keys where that is one. */
export function openLiveScreen(): LiveScreen {
  const output = new WriteStream(1);
  const input = isatty(0) ? new ReadStream(0) : undefined;
  const enter = (): void => {
    input?.setRawMode(true);
    output.write(ENTER);
  };
  const leave = (): void => {
    output.write(LEAVE);
    input?.setRawMode(false);
  };
  const end = (signal: NodeJS.Signals): void => {
    leave();
    ENDINGS.forEach((each) => process.removeListener(each, end));
    process.kill(process.pid, signal);
  };
  const pause = (): void => {
    leave();
    process.kill(process.pid, 'SIGTSTP');
    enter();
  };

  ENDINGS.forEach((signal) => process.on(signal, end));
  enter();
  return {
    show: (lines) => void output.write(picture(lines, output)),
    async key(timeoutMs) {
      const key = await nextKey({ input, output, timeoutMs });
      if (key === CONTROL_Z) pause();
      return key;
    },
    [Symbol.dispose]() {
      leave();
      ENDINGS.forEach((signal) => process.removeListener(signal, end));
      input?.destroy();
    },
  };
}

/** Of a terminal that does not tell. */
const [DEFAULT_COLUMNS, DEFAULT_ROWS] = [80, 24];

function picture(lines: readonly string[], output: WriteStream): string {
  const columns = output.columns || DEFAULT_COLUMNS;
  const rows = output.rows || DEFAULT_ROWS;
  const fitting = lines.slice(0, rows).map((line, index) => {
    const cut = line.slice(0, columns);
    return index === 0 ? `${STANDING_OUT}${cut}${PLAIN}` : cut;
  });

  return `${HOME}${fitting.map((line) => `${line}${TO_END_OF_LINE}`).join('\r\n')}${TO_END_OF_SCREEN}`;
}

interface Waiting {
  readonly input: ReadStream | undefined;
  readonly output: WriteStream;
  readonly timeoutMs: number;
}

function nextKey({ input, output, timeoutMs }: Waiting): Promise<string | undefined> {
  return new Promise((resolve) => {
    const done = (key?: string): void => {
      clearTimeout(timer);
      input?.off('data', pressed);
      input?.pause();
      output.off('resize', resized);
      resolve(key);
    };
    const pressed = (data: Buffer): void => done(data.toString('latin1', 0, 1));
    const resized = (): void => done();
    const timer = setTimeout(done, Math.min(timeoutMs, LONGEST_TIMER_MS));
    input?.on('data', pressed);
    input?.resume();
    output.on('resize', resized);
  });
}
