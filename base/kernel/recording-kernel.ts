import type { Kernel } from './kernel.ts';
import { kernelError } from './native.ts';

/** One call that a recording kernel was asked for. */
export interface RecordedCall {
  readonly call: keyof Kernel;
  readonly args: readonly unknown[];
}

export interface RecordingKernel extends Kernel {
  readonly calls: readonly RecordedCall[];
  /** Makes the next `count` calls of one kind fail with an errno. */
  failNext(call: keyof Kernel, errno: number, count?: number): void;
}

const RESULTS: Partial<Record<keyof Kernel, unknown>> = {
  flock: true,
  getRlimit: { soft: 1024n, hard: 1_048_576n },
  listXattrs: [],
  openTerminal: { master: 103, number: 7 },
  makeTerminalRaw: Buffer.alloc(0),
  makePipe: { read: 101, write: 102 },
  markDirectory: 104,
  pidfdOpen: 100,
  prctl: 0,
  reap: 0,
  spawn: 103,
  umask: 0o022,
};

/** A kernel that records what it is asked for and does nothing: the double at the kernel's door. */
export function createRecordingKernel(): RecordingKernel {
  const calls: RecordedCall[] = [];
  const failures = new Map<PropertyKey, { errno: number; left: number }>();

  return new Proxy({} as RecordingKernel, {
    get(_target, name) {
      if (name === 'version') return 1;
      if (name === 'calls') return calls;
      if (name === 'failNext') {
        return (call: keyof Kernel, errno: number, count = 1) =>
          void failures.set(call, { errno, left: count });
      }

      return (...args: readonly unknown[]) => {
        const call = name as keyof Kernel;
        calls.push({ call, args });
        const failure = failures.get(call);
        if (failure !== undefined && failure.left > 0) {
          failure.left -= 1;
          throw kernelError(`call ${call}`, failure.errno);
        }

        return RESULTS[call];
      };
    },
  });
}
