import { readFileSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';

/** SIGRTMIN+3, systemd(1): PID 1 starts `halt.target`. */
export const HALT = 37;

/** A process's facts in proc_pid_status(5), by their names. */
type Status = ReadonlyMap<string, string>;

/**
 * The pod's PID 1, as the host counts, once a request to halt reaches it: the
 * kernel drops what the first process of a PID namespace neither handles nor blocks.
 * @param nspawn its parent
 * @returns undefined as long as there is none, or it does not listen yet
 */
export function listeningFirstProcess(nspawn: number): number | undefined {
  const children = read(`/proc/${nspawn}/task/${nspawn}/children`);

  return children
    .split(' ')
    .map(Number)
    .find((pid) => pid > 0 && listens(statusOf(pid)));
}

function listens(status: Status): boolean {
  // One number for each namespace, the innermost last: another child of nspawn makes the namespace.
  const isFirst = /\s1$/.test(status.get('NSpid') ?? '');

  return isFirst && ['SigBlk', 'SigCgt'].some((set) => holds(status.get(set)));
}

function holds(signals: string | undefined): boolean {
  return ((BigInt(`0x${signals ?? '0'}`) >> BigInt(HALT - 1)) & 1n) === 1n;
}

function statusOf(pid: number): Status {
  const facts = read(`/proc/${pid}/status`).matchAll(/^(\w+):\t(.*)$/gm);

  return new Map([...facts].map(([, name = '', value = '']) => [name, value]));
}

/** Nothing of a process that has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '')) return '';
    throw error;
  }
}
