import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  chmodSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import { removePath } from '#base/fs/remove-path';
import type { Fd, Kernel } from '#base/kernel/kernel';
import type { ArchiveEntry, Xattr } from './entry.ts';
import { notePlaced, type Place, type Placed } from './placed.ts';
import type { TarReader } from './tar-reader.ts';
import { writeContent } from './write-content.ts';

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** File type bits of stat(2). */
const TYPE_BITS = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

/** An entry on its way into the root. */
export interface Placement extends Place {
  /** How many files the archives held before this entry. */
  readonly fileIndex: number;
}

/**
 * Places entries of untrusted archives below the root directory of this
 * process, which has chrooted there: no path leads further out. Nothing is
 * placed through a symbolic link: one that lies in the way comes from a lower
 * image and is replaced, or from the same archive, which is then refused.
 */
export interface Placer {
  /** Announces the next archive: what lies there now may be overwritten. */
  beginLayer(): void;
  /** @throws GantryError ARCHIVE_ENTRY_REFUSED; errors of the system as they come */
  place(placement: Placement, reader: TarReader): void;
  /** Attributes and times of directories, which placing something inside would change again. */
  finish(): void;
  /** How many directories were made that no archive has an entry for. */
  implied(): number;
  /** Which file of the archives, counted through all of them, lies at a path now. */
  readonly contents: ReadonlyMap<string, number>;
}

interface DirectoryEnd {
  readonly mtimeNs: bigint;
  readonly xattrs: readonly Xattr[];
}

interface State {
  readonly kernel: Kernel;
  /** Paths known to be real directories. */
  readonly directories: Set<string>;
  readonly directoryEnds: Map<string, DirectoryEnd>;
  /** What this archive has placed. */
  readonly placed: Placed;
  readonly contents: Map<string, number>;
  implied: number;
}

/** Makes a placer for the root directory of this process. Its umask must be 0. */
export function createPlacer(kernel: Kernel): Placer {
  const state: State = {
    kernel,
    directories: new Set(['']),
    directoryEnds: new Map([['', { mtimeNs: 0n, xattrs: [] }]]),
    placed: new Map(),
    contents: new Map(),
    implied: 0,
  };

  return {
    contents: state.contents,
    implied: () => state.implied,
    beginLayer: () => state.placed.clear(),
    place: (placement, reader) => place(state, placement, reader),
    finish() {
      for (const [path, { mtimeNs, xattrs }] of state.directoryEnds) {
        setXattrs(state, path, xattrs);
        kernel.setTimes(inRoot(path), { atimeNs: mtimeNs, mtimeNs });
      }
    },
  };
}

function inRoot(path: string): string {
  return `/${path}`;
}

function place(state: State, placement: Placement, reader: TarReader): void {
  const { entry, path } = placement;
  for (const parent of notePlaced(state.placed, placement)) placeImplied(state, parent);

  switch (entry.type) {
    case 'directory':
      return placeDirectory(state, entry, path);
    case 'file':
      return placeFile(state, placement, reader);
    case 'link':
      return placeLink(state, placement);
    case 'symlink':
      replacing(state, path, (target) => symlinkSync(entry.linkPath, target));
      lchownSync(inRoot(path), entry.uid, entry.gid);
      return finishEntry(state, entry, path);
    case 'char':
    case 'block':
    case 'fifo':
      return placeNode(state, entry, path);
  }
}

/** Sees to it that a directory is there that no entry makes. */
function placeImplied(state: State, path: string): void {
  if (!makeDirectory(state, path)) return;
  state.implied += 1;

  // No archive says what it looks like; always the same, so that a tree rendered again is the same.
  lchownSync(inRoot(path), 0, 0);
  chmodSync(inRoot(path), 0o755);
  state.directoryEnds.set(path, { mtimeNs: 0n, xattrs: [] });
}

/** @returns false when there was a directory already */
function makeDirectory(state: State, path: string): boolean {
  if (state.directories.has(path)) return false;

  const target = inRoot(path);
  try {
    mkdirSync(target, 0o700);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    if (lstatSync(target).isDirectory()) {
      state.directories.add(path);
      return false;
    }
    remove(state, path);
    mkdirSync(target, 0o700);
  }
  state.directories.add(path);
  return true;
}

function placeDirectory(state: State, entry: ArchiveEntry, path: string): void {
  makeDirectory(state, path);
  lchownSync(inRoot(path), entry.uid, entry.gid);
  chmodSync(inRoot(path), entry.mode);
  state.directoryEnds.set(path, { mtimeNs: entry.mtimeNs, xattrs: entry.xattrs });
}

function placeFile(state: State, placement: Placement, reader: TarReader): void {
  const { entry, path, fileIndex } = placement;
  let fd: Fd = -1;
  replacing(state, path, (target) => {
    fd = openSync(target, NEW_FILE, 0o600);
  });
  try {
    writeContent(fd, entry, reader);
    fchownSync(fd, entry.uid, entry.gid);
    // After the owner, whose change takes set-id bits away.
    fchmodSync(fd, entry.mode);
  } finally {
    closeSync(fd);
  }
  state.contents.set(path, fileIndex);
  finishEntry(state, entry, path);
}

function placeLink(state: State, { path, linkTarget = '' }: Placement): void {
  replacing(state, path, (target) => linkSync(inRoot(linkTarget), target));
  const content = state.contents.get(linkTarget);
  if (content !== undefined) state.contents.set(path, content);
}

function placeNode(state: State, entry: ArchiveEntry, path: string): void {
  const type = entry.type as keyof typeof TYPE_BITS;
  replacing(state, path, (target) => {
    state.kernel.makeNode(target, TYPE_BITS[type] | 0o600, entry.device);
  });
  lchownSync(inRoot(path), entry.uid, entry.gid);
  chmodSync(inRoot(path), entry.mode);
  finishEntry(state, entry, path);
}

/** Attributes and times of anything but a directory or a hard link. */
function finishEntry(state: State, entry: ArchiveEntry, path: string): void {
  setXattrs(state, path, entry.xattrs);
  state.kernel.setTimes(inRoot(path), { atimeNs: entry.mtimeNs, mtimeNs: entry.mtimeNs });
}

function setXattrs({ kernel }: State, path: string, xattrs: readonly Xattr[]): void {
  for (const { name, value } of xattrs) kernel.setXattr(inRoot(path), name, value);
}

/** Makes something; what a lower image left at the path goes first. */
function replacing(state: State, path: string, make: (target: string) => void): void {
  const target = inRoot(path);
  try {
    make(target);
  } catch (error) {
    if (!isExisting(error)) throw error;
    remove(state, path);
    make(target);
  }
}

function isExisting(error: unknown): boolean {
  if (errorCode(error) === 'EEXIST') return true;

  // A failed kernel call has the errno's name in a property of its own.
  return (
    typeof error === 'object' && error !== null && 'errno' in error && error.errno === 'EEXIST'
  );
}

/** Takes away what a lower image placed, a directory with all that is in it. */
function remove(state: State, path: string): void {
  const target = inRoot(path);
  state.contents.delete(path);
  if (!lstatSync(target).isDirectory()) return unlinkSync(target);

  removePath(target, { recursive: true });
  const below = `${path}/`;
  for (const known of [state.directories, state.directoryEnds, state.contents]) {
    for (const name of known.keys()) {
      if (name === path || name.startsWith(below)) known.delete(name);
    }
  }
}
