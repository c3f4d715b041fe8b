import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { removePath } from './remove-path.ts';

const ENDINGS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/**
 * Has an unfinished file removed when a signal ends this process, which it still
 * does; what the caller has told it to ignore is ignored. Disposing of it leaves the file alone.
 */
export function removedOnSignal(path: string): Disposable {
  const heeded = ENDINGS.filter((signal) => !isIgnored(signal));
  const release = (): void => heeded.forEach((signal) => void process.off(signal, end));
  const end = (signal: NodeJS.Signals): void => {
    release();
    removePath(path, { force: true });
    process.kill(process.pid, signal);
  };
  for (const signal of heeded) process.on(signal, end);

  return { [Symbol.dispose]: release };
}

/** proc(5): a mask, its lowest bit signal 1. Heard once, a signal could not be ignored again. */
function isIgnored(signal: (typeof ENDINGS)[number]): boolean {
  const [, mask = '0'] =
    /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];

  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}
