import { closeSync, fstatSync, openSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import type { Exec } from '#base/exec/exec';
import { describeEnd } from '#base/exec/node-exec';
import type { ArchiveLimits } from '../archive/limits.ts';
import type {
  ExtractionAnswer,
  ExtractionDone,
  ExtractionFailure,
  ExtractionRequest,
} from './extraction-protocol.ts';
import type { PlannedLayer } from './tree-plan.ts';

/** What it takes to extract. */
export interface Extractor {
  readonly exec: Exec;
  /** How the extracting program starts. */
  readonly worker: readonly [string, ...string[]];
  readonly limits: ArchiveLimits;
}

/** What is extracted, and where to. */
export interface Extraction {
  /** An empty directory. */
  readonly root: string;
  readonly layers: readonly PlannedLayer[];
  /** Gets the listing; makes the tree hash be computed and all be written to disk. */
  readonly listingPath?: string | undefined;
}

/** The first descriptor behind standard input, output and error. */
const FIRST_FD = 3;

/**
 * Extracts images in a process of its own, which has no other root than the
 * target. On failure the target holds parts of the images.
 * @throws GantryError ARCHIVE_*, ACI_LAYOUT_INVALID, EXTRACT_NEEDS_ROOT, EXTRACT_NO_SPACE, EXTRACT_FAILED
 */
export async function extract(
  extractor: Extractor,
  extraction: Extraction,
): Promise<ExtractionDone> {
  const { root, layers, listingPath } = extraction;
  const fds: number[] = [];
  try {
    if (listingPath !== undefined) fds.push(openSync(listingPath, 'wx', 0o600));
    const first = FIRST_FD + fds.length;
    for (const { blob } of layers) fds.push(openSync(blob, 'r'));
    const request: ExtractionRequest = {
      root,
      limits: extractor.limits,
      layers: layers.map(({ whitelists }, index) => ({
        fd: first + index,
        size: fstatSync(fds[first - FIRST_FD + index] as number).size,
        whitelists,
      })),
      ...(listingPath === undefined ? {} : { listingFd: FIRST_FD }),
    };

    return await ask(extractor, request, fds);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

async function ask(
  { exec, worker }: Extractor,
  request: ExtractionRequest,
  fds: readonly number[],
): Promise<ExtractionDone> {
  const result = await exec.run({
    argv: worker,
    env: {},
    input: JSON.stringify(request),
    extraFds: fds,
  });
  const answer = parseAnswer(result.stdout.toString());
  if (answer === undefined)
    throw new GantryError(
      'EXTRACT_FAILED',
      `cannot extract into "${request.root}": ${describeEnd(result)}: ${result.stderr.trim()}`,
    );
  if ('failed' in answer) throw failure(request.root, answer.failed);

  return answer.done;
}

function parseAnswer(text: string): ExtractionAnswer | undefined {
  try {
    return JSON.parse(text) as ExtractionAnswer;
  } catch {
    return undefined;
  }
}

function failure(root: string, failed: ExtractionFailure): GantryError {
  const { code, errno, message, hint } = failed;
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new GantryError(
      'EXTRACT_NO_SPACE',
      `cannot extract into "${root}": no space left on the device`,
      { hint: 'make room, for example by "gantry image gc"' },
    );
  }
  if (
    errno === 'EPERM' &&
    code === 'KERNEL_CALL_FAILED' &&
    message.startsWith('cannot change the root')
  ) {
    return new GantryError('EXTRACT_NEEDS_ROOT', `cannot extract into "${root}": this takes root`, {
      hint: 'run the command as root',
    });
  }
  if (code !== undefined && code !== 'KERNEL_CALL_FAILED') {
    return new GantryError(code, message, { hint });
  }

  return new GantryError('EXTRACT_FAILED', `cannot extract into "${root}": ${message}`);
}

/** Whether the number of a user is root's. */
export function isRoot(uid: number | undefined = process.geteuid?.()): boolean {
  return uid === 0;
}
