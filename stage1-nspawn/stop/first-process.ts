import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';

/** SIGRTMIN+3, systemd(1): PID 1 starts `halt.target`. */
const HALT = 37;
const SIGTERM = 15;

/** A process's facts in proc_pid_status(5), by their names. */
type Status = ReadonlyMap<string, string>;

/** What ends a pod in order. */
export interface HaltRequest {
  readonly pid: number;
  readonly signal: number;
}

/**
 * Whom to ask to end the pod: its PID 1, once a request reaches it, as the
 * kernel drops what the first process of a PID namespace neither handles nor
 * blocks. A kernel without CONFIG_PROC_CHILDREN does not tell which process
 * that is: there nspawn is asked, which passes it on, once and at once.
 * @param nspawn the parent of PID 1
 * @param proc where proc(5) is mounted
 * @returns undefined as long as there is no PID 1, or it does not listen yet
 */
export function haltRequest(nspawn: number, proc = '/proc'): HaltRequest | undefined {
  const task = join(proc, `${nspawn}/task/${nspawn}`);
  const children = read(join(task, 'children'));
  // Looked at afterwards: what is there now was there when its children were not.
  if (children === undefined && existsSync(task)) return { pid: nspawn, signal: SIGTERM };

  const first = (children ?? '')
    .split(' ')
    .map(Number)
    .find((pid) => pid > 0 && listens(statusOf(proc, pid)));
  return first === undefined ? undefined : { pid: first, signal: HALT };
}

function listens(status: Status): boolean {
  // One number for each namespace, the innermost last: another child of nspawn makes the namespace.
  const isFirst = /\s1$/.test(status.get('NSpid') ?? '');

  return isFirst && ['SigBlk', 'SigCgt'].some((set) => holds(status.get(set)));
}

function holds(signals: string | undefined): boolean {
  return ((BigInt(`0x${signals ?? '0'}`) >> BigInt(HALT - 1)) & 1n) === 1n;
}

function statusOf(proc: string, pid: number): Status {
  const facts = (read(join(proc, `${pid}/status`)) ?? '').matchAll(/^(\w+):\t(.*)$/gm);

  return new Map([...facts].map(([, name = '', value = '']) => [name, value]));
}

/** Undefined where there is no such file; nothing of a process that ends meanwhile. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return undefined;
    if (code === 'ESRCH') return '';
    throw error;
  }
}
