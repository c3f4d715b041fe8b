import { readSync, writeSync } from 'node:fs';
import { errorCode, errorMessage, isGantryError } from '#base/errors/gantry-error';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { useAddon } from '#base/kernel/native';
import { createPipeSource } from './archive/byte-source.ts';
import { runExtraction, runLayer } from './tree/extraction-job.ts';
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
    const { line, rest } = readRequest();
    answer = { done: work(JSON.parse(line) as WorkerRequest, rest) };
  } catch (error) {
    answer = { failed: describe(error) };
  }
  writeSync(1, `${JSON.stringify(answer)}\n`);
}

function work(request: WorkerRequest, rest: Buffer): Partial<ExtractionDone> {
  const kernel = linuxKernel;
  if (request.kind === 'mounted') return runMounted({ kernel, exec: nodeExec, request });
  if (request.kind === 'stacked') {
    runStacked({ kernel, exec: nodeExec, request });
    return {};
  }

  kernel.chroot(request.root);
  process.chdir('/');
  if (request.kind === 'layer') {
    return runLayer({ kernel, request, source: createPipeSource(0, rest) });
  }
  const waitForDigests = (): void => {
    for (const buffer = Buffer.alloc(1024); readSync(0, buffer) > 0; );
  };
  return runExtraction({ kernel, request, waitForDigests });
}

/** Reads the first line of standard input. @returns also what came behind it */
function readRequest(): { readonly line: string; readonly rest: Buffer } {
  const pieces: Buffer[] = [];
  const buffer = Buffer.alloc(64 * 1024);
  for (let got = readSync(0, buffer); got > 0; got = readSync(0, buffer)) {
    const piece = Buffer.from(buffer.subarray(0, got));
    const end = piece.indexOf('\n');
    if (end === -1) pieces.push(piece);
    else {
      pieces.push(piece.subarray(0, end));
      return { line: Buffer.concat(pieces).toString(), rest: piece.subarray(end + 1) };
    }
  }

  throw new Error('there is no request on standard input');
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
