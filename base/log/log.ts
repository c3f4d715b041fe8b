import { writeSync } from 'node:fs';

export type LogLevel = 'error' | 'warning' | 'info' | 'debug';

/** One thing that happened; library code emits these and never prints. */
export interface LogEvent {
  readonly level: LogLevel;
  readonly message: string;
}

/** How far a long piece of work has come. `total` is unknown for a stream of unannounced length. */
export interface ProgressEvent {
  /** What is being worked on, unique among the pieces of work shown together. */
  readonly id: string;
  /** What is being done: `fetching`, `rendering`, … */
  readonly action: string;
  readonly done: number;
  readonly total?: number | undefined;
  readonly unit: 'bytes' | 'entries';
  readonly finished?: boolean | undefined;
  /** Of finished work: it came to no good end. */
  readonly failed?: boolean | undefined;
}

/** Where library code says what it does. Made once by the front end and handed down. */
export interface Log {
  error(message: string): void;
  warning(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  progress(event: ProgressEvent): void;
}

/** Makes a log over one sink for events and one for progress. */
export function createLog(
  sink: (event: LogEvent) => void,
  progress: (event: ProgressEvent) => void = () => {},
): Log {
  return {
    error: (message) => sink({ level: 'error', message }),
    warning: (message) => sink({ level: 'warning', message }),
    info: (message) => sink({ level: 'info', message }),
    debug: (message) => sink({ level: 'debug', message }),
    progress,
  };
}

const WARNING_ONCE = new WeakMap<Log, Log>();

/**
 * A log that says the same warning only once, for who looks at the same things
 * again and again; whoever asks for it of the same log gets the same one.
 */
export function warningOnce(log: Log): Log {
  const known = WARNING_ONCE.get(log);
  if (known !== undefined) return known;

  const said = new Set<string>();
  const once: Log = {
    ...log,
    warning: (message) => {
      if (said.has(message)) return;
      said.add(message);
      log.warning(message);
    },
  };
  WARNING_ONCE.set(log, once);
  return once;
}

/** A log that swallows everything. */
export const nullLog: Log = createLog(() => {});

/** A sink that writes `PROGRAM: message` lines to stderr; debug events only when asked for. */
export function stderrSink(program: string, debug: boolean): (event: LogEvent) => void {
  return ({ level, message }) => {
    if (level === 'debug' && !debug) return;

    const prefix = level === 'info' || level === 'debug' ? '' : `${level}: `;
    writeAll(2, `${program}: ${prefix}${message}\n`);
  };
}

/** Writes text to a descriptor, the reader having gone away being no error. */
export function writeAll(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EAGAIN') continue;
      return;
    }
  }
}
