import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { targetError } from './target-error.ts';
import { replaceableFile } from './target-file.ts';
import { writeWhole } from './write-whole.ts';

/** Where an archive goes. */
export type ArchiveTarget = FileTarget | StreamTarget;

export interface FileTarget {
  readonly path: string;
  /** Whether a file that is there is replaced. */
  readonly overwrite?: boolean | undefined;
}

/** Whoever reads what the program writes. */
export interface StreamTarget {
  /** @returns false when nobody reads any more */
  readonly write: (bytes: Uint8Array) => boolean;
}

/**
 * Writes an archive. A file appears whole or not at all; that it may not be
 * written is found out before the first chunk is asked for.
 * @param chunks whose memory must be nobody else's
 * @throws GantryError TARGET_*, and what the chunks throw
 */
export async function writeTarget(
  target: ArchiveTarget,
  chunks: AsyncIterable<Buffer>,
): Promise<void> {
  if (isFile(target)) await writeFile(target, chunks);
  else await writeStream(target, chunks);
}

/**
 * Finds out before much is done whether an archive may be written there at all.
 * @throws GantryError TARGET_EXISTS, TARGET_REFUSED, other TARGET_*
 */
export function demandWritable(target: ArchiveTarget): void {
  if (isFile(target)) fileOf(target);
}

const isFile = (target: ArchiveTarget): target is FileTarget => 'path' in target;

async function writeStream({ write }: StreamTarget, chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of chunks) if (!write(chunk)) return;
}

async function writeFile(target: FileTarget, chunks: AsyncIterable<Buffer>): Promise<void> {
  const path = fileOf(target);
  try {
    await writeWhole(path, chunks, { replaces: target.overwrite === true });
  } catch (error) {
    throw targetError(error, `export to "${target.path}"`);
  }
}

/** @returns the path of what is written in the end */
function fileOf({ path: target, overwrite = false }: FileTarget): string {
  if (overwrite) return replaceableFile(target);
  const path = resolve(target);
  if (!existsSync(path)) return path;

  throw targetError(Object.assign(new Error(), { code: 'EEXIST' }), `export to "${target}"`);
}

/** @throws GantryError OUTPUT_IS_TERMINAL, for archives are nothing to look at */
export function refuseTerminal(isTerminal: boolean): void {
  if (!isTerminal) return;

  throw new GantryError(
    'OUTPUT_IS_TERMINAL',
    'cannot write an archive to the terminal: nobody could read it',
    { hint: 'send it on with ">" or "|", or name a file' },
  );
}
