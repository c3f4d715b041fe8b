import { GantryError } from '#base/errors/gantry-error';
import type { ExecResult } from '#base/exec/exec';
import { describeEnd } from '#base/exec/node-exec';
import type { ExtractionDone, WorkerAnswer, WorkerFailure } from './extraction-protocol.ts';

/**
 * What a worker process that has ended did.
 * @param action what it was to do: `extract into "/a"`
 * @throws GantryError what the worker threw; EXTRACT_NEEDS_ROOT, EXTRACT_NO_SPACE, EXTRACT_FAILED
 */
export function readAnswer(result: ExecResult, action: string): Partial<ExtractionDone> {
  const answer = parseAnswer(result.stdout.toString());
  if (answer === undefined) throw unanswered(result, action);
  if ('failed' in answer) throw workerError(action, answer.failed);

  return answer.done;
}

function unanswered(result: ExecResult, action: string): GantryError {
  const said = result.stderr.trim();
  const state = [describeEnd(result), ...(said === '' ? [] : [said])].join(': ');
  // The kernel kills whoever has most when memory runs out.
  const hint = result.signal === 'SIGKILL' ? 'see "dmesg" for why, and try again' : undefined;

  return new GantryError('EXTRACT_FAILED', `cannot ${action}: ${state}`, { hint });
}

function parseAnswer(text: string): WorkerAnswer | undefined {
  try {
    return JSON.parse(text) as WorkerAnswer;
  } catch {
    return undefined;
  }
}

function workerError(action: string, { code, errno, message, hint }: WorkerFailure): GantryError {
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new GantryError('EXTRACT_NO_SPACE', `cannot ${action}: no space left on the device`, {
      hint: 'make room, for example by "gantry image gc"',
    });
  }
  if (errno === 'EPERM' && code === 'KERNEL_CALL_FAILED' && message.includes('change the root')) {
    return new GantryError('EXTRACT_NEEDS_ROOT', `cannot ${action}: this takes root`, {
      hint: 'run the command as root',
    });
  }
  if (code !== undefined && code !== 'KERNEL_CALL_FAILED') {
    return new GantryError(code, message, { hint });
  }

  return new GantryError('EXTRACT_FAILED', `cannot ${action}: ${message}`);
}
