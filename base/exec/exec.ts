import type { Readable, Writable } from 'node:stream';

/** A program to start. The argument vector goes to the kernel as it is; there is never a shell. */
export interface ExecRequest {
  /** Program and arguments; a program without a slash is looked up in `env.PATH`. */
  readonly argv: readonly [string, ...string[]];
  /** The whole environment: nothing is inherited by accident. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  /** What the program reads on standard input. */
  readonly input?: string | Uint8Array | undefined;
  /** Standard input when there is no `input`: `inherit` or a descriptor; nothing (the default) is /dev/null. */
  readonly stdin?: number | 'inherit' | undefined;
  /** `collect` (the default), `inherit`, `ignore`, or a descriptor. */
  readonly stdout?: OutputMode | undefined;
  readonly stderr?: OutputMode | undefined;
  /** Descriptors for 3, 4, … of the child. */
  readonly extraFds?: readonly number[] | undefined;
  /** After so many milliseconds the program gets SIGTERM, and SIGKILL `killAfterMs` later. */
  readonly timeoutMs?: number | undefined;
  readonly killAfterMs?: number | undefined;
  /** Collected output beyond this many bytes ends the program; 16 MiB unless told. */
  readonly maxOutput?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A session of its own, so that no signal of the caller's terminal reaches it. */
  readonly detached?: boolean | undefined;
  /**
   * As `detached`, and what ends the program (time limit, abort, too much
   * output) ends everything it started in that session too. For programs of
   * others, that start more. Not for `runSync`.
   */
  readonly wholeGroup?: boolean | undefined;
}

export type OutputMode = 'collect' | 'inherit' | 'ignore' | number;

/** How a program ended; success and failure have the same shape. */
export interface ExecResult {
  readonly argv: readonly string[];
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly durationMs: number;
  readonly timedOut: boolean;
  /** Whether SIGKILL had to follow SIGTERM. */
  readonly forced: boolean;
  /** Whether it was ended because it printed more than `maxOutput`. */
  readonly overflowed: boolean;
}

/** A running program with its streams, for pipelines. */
export interface RunningProgram {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Settles when the program has ended and its streams are closed; never rejects for a failing program. */
  readonly ended: Promise<ExecResult>;
  kill(signal?: NodeJS.Signals): void;
}

/** The one way to start programs. Handed in by the caller, so tests can stand in front of the door. */
export interface Exec {
  /**
   * Runs a program to its end.
   * @throws GantryError EXEC_NOT_STARTED when it cannot be started; a failing program is a result, not an error
   */
  run(request: ExecRequest): Promise<ExecResult>;
  /** As `run`, blocking: for what happens after the process has entered another namespace. */
  runSync(request: ExecRequest): ExecResult;
  /** Starts a program whose standard input and output are streamed; stderr is collected. */
  stream(request: Omit<ExecRequest, 'input' | 'stdin' | 'stdout'>): RunningProgram;
}
