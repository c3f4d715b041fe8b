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
  readdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import { removePath } from '#base/fs/remove-path';
import type { Fd, Kernel } from '#base/kernel/kernel';
import type { DirectoryLook, LayerDirectories } from './directory-look.ts';
import type { ArchiveEntry, Xattr } from './entry.ts';
import { noteAbove, notePlaced, type Place, type Placed } from './placed.ts';
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
  beginLayer(whiteouts?: Whiteouts): void;
  /** @throws GantryError ARCHIVE_ENTRY_REFUSED; errors of the system as they come */
  place(placement: Placement, reader: TarReader): void;
  /** Takes away what lower layers have at a path. @throws GantryError ARCHIVE_ENTRY_REFUSED */
  hide(whiteout: Whiteout): void;
  /** Takes away what lower layers have in a directory. @throws GantryError ARCHIVE_ENTRY_REFUSED */
  clear(whiteout: Whiteout): void;
  /** Makes a directory, whose parent is there. */
  placeDirectory(look: DirectoryLook): void;
  /** Attributes and times of directories, which placing something inside would change again. */
  finish(): void;
  /** How many directories were made that no archive has an entry for. */
  implied(): number;
  /** What is to be known of the directories of the last archive, a layer's that is marked. */
  layerDirectories(): LayerDirectories;
  /** Which file of the archives, counted through all of them, lies at a path now. */
  readonly contents: ReadonlyMap<string, number>;
}

/**
 * What is done with what a layer takes away: it is marked as overlayfs does, in a
 * tree of the layer's own, or taken away where the layers below lie.
 */
export type Whiteouts = 'mark' | 'apply';

/** Something that a layer takes away. */
export interface Whiteout {
  /** Clean path below the root. */
  readonly path: string;
  /** As the archive has it, for errors. */
  readonly entryPath: string;
}

/** How overlayfs hides what lies at a path in lower layers, and all in a directory (Documentation/filesystems/overlayfs.rst). */
const HIDDEN = { mode: 0o020000, device: { major: 0, minor: 0 } } as const;
const OPAQUE: Xattr = { name: 'trusted.overlay.opaque', value: Buffer.from('y') };

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
  whiteouts: Whiteouts | undefined;
  /** What this archive has hidden and not placed since. */
  readonly hidden: Set<string>;
  /** Directories that are marked as hiding what is in them in lower layers. */
  readonly opaque: Set<string>;
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
    whiteouts: undefined,
    hidden: new Set(),
    opaque: new Set(),
  };

  return {
    contents: state.contents,
    implied: () => state.implied,
    layerDirectories: () => {
      const paths = [...state.placed].flatMap(([path, type]) => (type === 'implied' ? path : []));
      const hiding = new Set(
        [...state.hidden].map((path) => path.slice(0, Math.max(path.lastIndexOf('/'), 0))),
      );
      return { implied: state.placed.has('') ? paths : ['', ...paths], hiding: [...hiding] };
    },
    beginLayer(whiteouts) {
      state.placed.clear();
      state.whiteouts = whiteouts;
    },
    place: (placement, reader) => place(state, placement, reader),
    hide: (whiteout) => hide(state, whiteout),
    clear: (whiteout) => clear(state, whiteout),
    placeDirectory: ({ path, mtime, attributes, ...look }) => {
      const xattrs = attributes.map(({ name, value }) => ({
        name,
        value: Buffer.from(value, 'base64'),
      }));
      placeDirectory(state, { ...look, mtimeNs: BigInt(mtime), xattrs }, path);
    },
    finish() {
      for (const path of state.opaque) setXattrs(state, path, [OPAQUE]);
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
  if (!isRepeated(state, placement)) {
    for (const parent of notePlaced(state.placed, placement)) placeImplied(state, parent);
  }

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

/** Layers that some programs make say of a directory twice how it looks; the last word counts. */
function isRepeated({ whiteouts, placed }: State, { entry, path }: Placement): boolean {
  return whiteouts !== undefined && entry.type === 'directory' && placed.get(path) === 'directory';
}

function hide(state: State, { path, entryPath }: Whiteout): void {
  for (const parent of noteAbove(state.placed, path, entryPath)) placeImplied(state, parent);

  const before = state.placed.get(path);
  if (before === 'directory' || before === 'implied') return clearDirectory(state, path);
  // What this layer has there itself hides what is below anyway.
  if (before !== undefined || state.hidden.has(path)) return;
  if (state.whiteouts === 'apply') {
    if (lstatSync(inRoot(path), { throwIfNoEntry: false }) !== undefined) remove(state, path);
    return;
  }
  state.kernel.makeNode(inRoot(path), HIDDEN.mode, HIDDEN.device);
  state.hidden.add(path);
}

function clear(state: State, { path, entryPath }: Whiteout): void {
  for (const parent of noteAbove(state.placed, path, entryPath)) placeImplied(state, parent);
  if (path !== '' && !state.placed.has(path)) {
    placeImplied(state, path);
    state.placed.set(path, 'implied');
  }

  clearDirectory(state, path);
}

/** Takes away what lower layers have in a directory; what this archive has placed there stays. */
function clearDirectory(state: State, path: string): void {
  if (state.whiteouts === 'mark') {
    state.opaque.add(path);
    return;
  }
  for (const name of readdirSync(inRoot(path))) {
    const child = path === '' ? name : `${path}/${name}`;
    const type = state.placed.get(child);
    if (type === undefined) remove(state, child);
    else if (type === 'directory' || type === 'implied') clearDirectory(state, child);
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
  // Hidden and made again: what lower layers have in it stays hidden.
  if (state.hidden.delete(path)) state.opaque.add(path);
  return true;
}

type DirectoryEntry = Pick<ArchiveEntry, 'uid' | 'gid' | 'mode' | 'mtimeNs' | 'xattrs'>;

function placeDirectory(state: State, entry: DirectoryEntry, path: string): void {
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
    state.hidden.delete(path);
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
