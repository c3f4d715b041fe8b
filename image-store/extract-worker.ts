import { readSync, writeSync } from 'node:fs';
import { errorCode, errorMessage, isGantryError } from '#base/errors/gantry-error';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { useAddon } from '#base/kernel/native';
import { runExtraction } from './tree/extraction-job.ts';
import type {
  ExtractionDone,
  WorkerAnswer,
  WorkerFailure,
  WorkerRequest,
} from './tree/extraction-protocol.ts';
import { runMounted, runStacked } from './tree/mounted-job.ts';

// The process that extracts untrusted archives and looks into packed trees. It
// reads a request as one line of JSON from standard input, locks itself into the
// target directory by chroot, or into a mount namespace, and answers with one
// line of JSON on standard output. Descriptors from 3 on are what the request
// says they are. Its argument is the path of koffi's addon, if it is not where
// it is looked for.

// prctl(2): end with the process that started this one, so that nothing
// extracts into a directory whose lock has gone with its holder.
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

function main(): void {
  let answer: WorkerAnswer;
  const [, , addon] = process.argv;
  if (addon !== undefined) useAddon(addon);
  try {
    linuxKernel.prctl(PR_SET_PDEATHSIG, SIGKILL);
    process.umask(0);
    answer = { done: work(JSON.parse(readInput('line')) as WorkerRequest) };
  } catch (error) {
    answer = { failed: describe(error) };
  }
  writeSync(1, `${JSON.stringify(answer)}\n`);
}

function work(request: WorkerRequest): Partial<ExtractionDone> {
  const kernel = linuxKernel;
  if (request.kind === 'mounted') return runMounted({ kernel, exec: nodeExec, request });
  if (request.kind === 'stacked') {
    runStacked({ kernel, exec: nodeExec, request });
    return {};
  }

  kernel.chroot(request.root);
  process.chdir('/');
  const waitForDigests = (): void => void readInput('all');
  return runExtraction({ kernel, request, waitForDigests });
}

/** Reads standard input to the end of its line, or to its end. */
function readInput(what: 'line' | 'all'): string {
  const pieces: Buffer[] = [];
  const buffer = Buffer.alloc(64 * 1024);
  for (let got = readSync(0, buffer); got > 0; got = readSync(0, buffer)) {
    pieces.push(Buffer.from(buffer.subarray(0, got)));
    if (what === 'line' && buffer[got - 1] === 0x0a) break;
  }

  return Buffer.concat(pieces).toString();
}

function describe(error: unknown): WorkerFailure {
  return {
    code: isGantryError(error) ? error.code : undefined,
    errno: errnoOf(error),
    message: errorMessage(error),
    hint: isGantryError(error) ? error.hint : undefined,
  };
}

/** The errno behind an error: of a kernel call, of Node, or of what caused it. */
function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('errno' in error && typeof error.errno === 'string') return error.errno;
  if ('cause' in error && error.cause !== undefined) return errnoOf(error.cause);

  return isGantryError(error) ? undefined : errorCode(error);
}

main();
