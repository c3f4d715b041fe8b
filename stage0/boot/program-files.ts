import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { codeFileName } from './compile.ts';

// A command may run for days, and what it loads then must be what belongs to
// it, whatever lies in the program's folder by then. So all of its code is
// opened when it starts, in files whose names tell one build from another.

/**
 * What every command needs; beyond that, what a run needs and `list` too; what
 * only one of them needs.
 */
const PACKS = ['pack', 'pods-pack', 'run-pack', 'list-pack'] as const;

/** A file of code, open. */
export interface CodeFile {
  /** Where it was found. */
  readonly path: string;
  readonly source: number;
  /** With V8's code of it. */
  readonly code: number | undefined;
}

/** All code of a program, open. */
export interface ProgramFiles {
  /** Where it lies. */
  readonly lib: string;
  /** V8's code; undefined to compile everything anew. */
  readonly cache: string | undefined;
  readonly packs: readonly CodeFile[];
  /** Every chunk, see `archiveChunks()`. */
  readonly chunks: number;
  /** The program that extracts, which runs by itself. */
  readonly worker: number;
  /** koffi's native half, which that one loads too. */
  readonly addon: number;
}

/** The program of a build that extracts. */
export const workerPath = (lib: string, build: string): string =>
  join(lib, `extract-worker-${build}.js`);

/** Where a program lies, and which build it is. */
export interface ProgramPlace extends Pick<ProgramFiles, 'lib' | 'cache'> {
  readonly build: string;
}

/** The files of a build with packed chunks, the first that is read first. */
export const packPaths = (lib: string, build: string): readonly string[] =>
  PACKS.map((name) => join(lib, `${name}-${build}.js`));

/** A pack of chunks: the first line names them, the module follows. */
export const packText = (names: readonly string[], module: string): string =>
  `//${names.join(' ')}\n${module}`;

/** The names in the first line of a pack. */
export const packedNames = (text: string): readonly string[] =>
  text.slice(2, text.indexOf('\n')).split(' ');

/** The file of a build with every chunk. */
export const chunksPath = (lib: string, build: string): string => join(lib, `chunks-${build}`);

/**
 * Opens all code of a program. Packs may be missing: they only spare time.
 * @returns undefined when that build is not there (any more)
 */
export function openProgram({ lib, cache, build }: ProgramPlace): ProgramFiles | undefined {
  const chunks = openIfThere(chunksPath(lib, build));
  const worker = openIfThere(workerPath(lib, build));
  const addon = openIfThere(join(lib, 'koffi.node'));
  if (chunks === undefined || worker === undefined || addon === undefined) return undefined;

  const packs = packPaths(lib, build).flatMap((path) => {
    const source = openIfThere(path);
    if (source === undefined) return [];
    const code = cache === undefined ? undefined : openIfThere(join(cache, codeFileName(path)));
    return [{ path, source, code }];
  });
  return { lib, cache, packs, chunks, worker, addon };
}

/** Reads an open file whole and closes it. */
export function takeFile(fd: number): Buffer {
  const content = readFileSync(fd);
  closeSync(fd);

  return content;
}

type ChunkIndex = Readonly<Record<string, readonly [start: number, length: number]>>;

/** One file of many chunks: a line of JSON that says where each begins, from the next line on, and how long it is; then all of them. */
export function archiveChunks(chunks: ReadonlyMap<string, Buffer>): Buffer {
  let start = 0;
  const index: Record<string, readonly [number, number]> = {};
  for (const [name, { length }] of chunks) {
    index[name] = [start, length];
    start += length;
  }

  return Buffer.concat([Buffer.from(`${JSON.stringify(index)}\n`), ...chunks.values()]);
}

/** Makes what reads a chunk of an archive by its name. */
export function chunkReader(fd: number): (name: string) => string {
  let opened: { readonly index: ChunkIndex; readonly body: number } | undefined;

  return (name) => {
    opened ??= readIndex(fd);
    const [start, length] = opened.index[name] ?? [0, 0];
    if (length === 0) throw new Error(`no chunk "${name}" in the program`);
    return readAt(fd, opened.body + start, length).toString('utf8');
  };
}

function readIndex(fd: number): { readonly index: ChunkIndex; readonly body: number } {
  for (let size = 64 * 1024; ; size *= 2) {
    const head = readAt(fd, 0, size);
    const end = head.indexOf('\n');
    if (end >= 0) {
      return { index: JSON.parse(head.toString('utf8', 0, end)) as ChunkIndex, body: end + 1 };
    }
    if (head.length < size) throw new Error('the program has no index of its chunks');
  }
}

/** @returns fewer bytes where the file ends */
function readAt(fd: number, start: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let got = 0;
  for (let more = 1; more > 0 && got < length; got += more) {
    more = readSync(fd, bytes, got, length - got, start + got);
  }

  return bytes.subarray(0, got);
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined;
  }
}
