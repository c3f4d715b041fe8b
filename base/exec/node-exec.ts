import type * as childProcessModule from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { errorCode, GantryError } from '../errors/gantry-error.ts';
import type { Exec, ExecRequest, ExecResult, OutputMode, RunningProgram } from './exec.ts';

export { demandSuccess, describeEnd, exitStatusOf } from './exec-result.ts';

type StartRequest = Omit<ExecRequest, 'input' | 'stdin'>;

const DEFAULT_MAX_OUTPUT = 16 * 1024 * 1024;
const DEFAULT_KILL_AFTER_MS = 2000;

/** The real `Exec`, over node:child_process. */
export const nodeExec: Exec = {
  async run(request) {
    const child = start(request, stdioOf(request));
    if (request.input !== undefined) {
      child.stdin?.on('error', () => {});
      child.stdin?.end(request.input);
    }

    return await watch(child, request);
  },

  runSync(request) {
    const started = performance.now();
    const [program, ...args] = request.argv;
    const result = childProcess().spawnSync(program, args, {
      cwd: request.cwd,
      env: request.env,
      stdio: stdioOf(request),
      ...(request.input === undefined ? {} : { input: request.input }),
      timeout: request.timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: request.maxOutput ?? DEFAULT_MAX_OUTPUT,
    });
    const code = errorCode(result.error);
    if (result.error !== undefined && code !== 'ETIMEDOUT' && code !== 'ENOBUFS') {
      throw notStarted(request, result.error);
    }

    return {
      argv: request.argv,
      exitCode: result.status ?? undefined,
      signal: result.signal ?? undefined,
      stdout: Buffer.from(result.stdout ?? ''),
      stderr: (result.stderr ?? '').toString(),
      durationMs: performance.now() - started,
      timedOut: code === 'ETIMEDOUT',
      forced: code === 'ETIMEDOUT',
      overflowed: code === 'ENOBUFS',
    };
  },

  stream(request) {
    const child = start(request, [
      'pipe',
      'pipe',
      outputMode(request.stderr),
      ...(request.extraFds ?? []),
    ]);
    const { stdin, stdout, pid } = child;
    if (isMissing(stdin) || isMissing(stdout)) {
      child.on('error', () => {});
      throw notStarted(request, new Error('too many open files'));
    }

    const ended = watch(child, request, { collectStdout: false });
    ended.catch(() => {});
    const running: RunningProgram = {
      pid: pid ?? 0,
      stdin,
      stdout,
      ended,
      kill: (signal = 'SIGTERM') => void child.kill(signal),
    };
    return running;
  },
};

/** Loaded when the first program is started: it takes 2.5 ms, and a run of a cached image starts none. */
function childProcess(): typeof childProcessModule {
  return process.getBuiltinModule('node:child_process');
}

function outputMode(mode: OutputMode | undefined): 'pipe' | 'inherit' | 'ignore' | number {
  return mode === undefined || mode === 'collect' ? 'pipe' : mode;
}

function stdioOf(request: ExecRequest): StdioOptions {
  const input = request.input === undefined ? (request.stdin ?? 'ignore') : 'pipe';

  return [
    input,
    outputMode(request.stdout),
    outputMode(request.stderr),
    ...(request.extraFds ?? []),
  ];
}

function start(request: StartRequest, stdio: StdioOptions): ChildProcess {
  const [program, ...args] = request.argv;
  return childProcess().spawn(program, args, {
    cwd: request.cwd,
    env: request.env,
    stdio,
    detached: request.detached === true || request.wholeGroup === true,
  });
}

function notStarted(request: Pick<ExecRequest, 'argv'>, cause: Error): GantryError {
  const code = errorCode(cause) ?? cause.message;
  const missing = code === 'ENOENT' ? 'no such program' : code;
  return new GantryError('EXEC_NOT_STARTED', `cannot start "${request.argv[0]}": ${missing}`, {
    cause,
  });
}

/** Node has no pipes for it when the process may not open any more, whatever the types say. */
function isMissing(pipe: unknown): pipe is null | undefined {
  return pipe === null || pipe === undefined;
}

interface WatchOptions {
  readonly collectStdout: boolean;
}

function watch(
  child: ChildProcess,
  request: StartRequest,
  options: WatchOptions = { collectStdout: true },
): Promise<ExecResult> {
  const started = performance.now();
  const maxOutput = request.maxOutput ?? DEFAULT_MAX_OUTPUT;
  const end = politely(child, request);
  let overflowed = false;
  const collect = (stream: NodeJS.ReadableStream | null): Buffer[] => {
    const chunks: Buffer[] = [];
    let size = 0;
    stream?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxOutput) chunks.push(chunk);
      else if (!overflowed) {
        overflowed = true;
        end.surely();
      }
    });
    return chunks;
  };
  const stdout = options.collectStdout ? collect(child.stdout) : [];
  const stderr = collect(child.stderr);

  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      end.cancel();
      reject(child.pid === undefined ? notStarted(request, error) : error);
    });
    child.once('close', (exitCode, signal) => {
      end.cancel();
      resolve({
        argv: request.argv,
        exitCode: exitCode ?? undefined,
        signal: signal ?? undefined,
        stdout: Buffer.concat(stdout),
        stderr: Buffer.concat(stderr).toString(),
        durationMs: performance.now() - started,
        timedOut: end.state.timedOut,
        forced: end.state.forced,
        overflowed,
      });
    });
  });
}

interface PoliteEnd {
  readonly state: { timedOut: boolean; forced: boolean };
  /** SIGKILL at once. */
  surely(): void;
  cancel(): void;
}

/** How long a killed program's streams may stay open in the hands of what it started, milliseconds. */
const LET_GO_AFTER_MS = 100;

/** SIGTERM at the time limit or on abort, SIGKILL after the grace period. */
function politely(child: ChildProcess, request: StartRequest): PoliteEnd {
  const state = { timedOut: false, forced: false };
  const timers: NodeJS.Timeout[] = [];
  const after = (ms: number, action: () => void): void => void timers.push(setTimeout(action, ms));
  const surely = (): void => {
    send(child, 'SIGKILL', request);
    after(LET_GO_AFTER_MS, () => letGo(child));
  };
  const terminate = (): void => {
    send(child, 'SIGTERM', request);
    after(request.killAfterMs ?? DEFAULT_KILL_AFTER_MS, () => {
      state.forced = true;
      surely();
    });
  };
  if (request.timeoutMs !== undefined) {
    after(request.timeoutMs, () => {
      state.timedOut = true;
      terminate();
    });
  }
  request.signal?.addEventListener('abort', terminate, { once: true });
  if (request.signal?.aborted === true) terminate();

  return {
    state,
    surely,
    cancel() {
      for (const timer of timers) clearTimeout(timer);
      request.signal?.removeEventListener('abort', terminate);
    },
  };
}

function send(child: ChildProcess, signal: NodeJS.Signals, request: StartRequest): void {
  if (request.wholeGroup !== true || child.pid === undefined) {
    child.kill(signal);
    return;
  }

  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** Stops reading: a process that left the session may hold the other end for ever. */
function letGo(child: ChildProcess): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
}
