import { readFileSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';

/** In the mask of signals that a process ignores, proc_pid_status(5). */
const SIGTERM_BIT = 1n << 14n;

/** Whether a process has a terminal and ignores SIGTERM, as shells do there: it ends when it is hung up. */
export function waitsForHangUp(pid: number): boolean {
  // What comes after the name: state, parent, group, session, terminal.
  const [, , , , terminal = '0'] = read(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ');
  const [, ignored = '0'] = /^SigIgn:\s*([\da-f]+)$/m.exec(read(pid, 'status')) ?? [];

  return terminal !== '0' && (BigInt(`0x${ignored}`) & SIGTERM_BIT) !== 0n;
}

/** Nothing of a process that has just ended. */
function read(pid: number, file: 'stat' | 'status'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '')) return '';
    throw error;
  }
}
