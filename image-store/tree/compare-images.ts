import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Exec } from '#base/exec/exec';
import type { Kernel } from '#base/kernel/kernel';
import { digestContents, DIGEST_SIZE } from '../archive/digest-contents.ts';
import type { ArchiveEntry } from '../archive/entry.ts';
import { type Layer, placedEntries } from '../archive/extract.ts';
import { type FileChange, fileChanges } from '../archive/file-changes.ts';
import {
  createFileTable,
  EMPTY_ROOT,
  type FileNode,
  type FileTable,
} from '../archive/file-table.ts';
import { layerChanges } from '../archive/layer-entries.ts';
import type { ArchiveLimits } from '../archive/limits.ts';
import type { Placement } from '../archive/placer.ts';
import { openLayerReader, openTarReader } from '../archive/tar-reader.ts';
import { makeTempEntry } from '../blobs/temp-entry.ts';
import { unpackKept } from './render-stack.ts';
import type { PackedLayer, PlannedLayer, TreePlan } from './tree-plan.ts';

/** What it takes to compare images. */
export interface Comparer {
  readonly dir: string;
  readonly kernel: Kernel;
  readonly exec: Exec;
  readonly limits: ArchiveLimits;
}

/**
 * What an image changes in another or, without one, the last of its layers in
 * those below. Needs neither root nor rendered trees: the archives are read,
 * each once, contents too.
 * @throws GantryError ARCHIVE_*, IMAGE_DIGEST_MISMATCH
 */
export async function compareImages(
  comparer: Comparer,
  plan: TreePlan,
  base: TreePlan | undefined,
): Promise<readonly FileChange[]> {
  const tables = new Map<string, FileTable>();
  const filesOf = async (archives: readonly Archive[]): Promise<FileNode> => {
    let files = EMPTY_ROOT;
    for (const archive of archives) {
      const table = tables.get(archive.id) ?? (await archive.read(comparer));
      tables.set(archive.id, table);
      files = table.over(files);
    }
    return files;
  };
  const archives = archivesOf(plan);
  const before = await filesOf(base === undefined ? archives.slice(0, -1) : archivesOf(base));

  return fileChanges(before, await filesOf(archives));
}

/** One archive of an image. */
interface Archive {
  /** The same for one that is placed the same way. */
  readonly id: string;
  read(comparer: Comparer): Promise<FileTable>;
}

function archivesOf({ stack, layers }: TreePlan): readonly Archive[] {
  if (stack === undefined) {
    return layers.map((layer) => ({
      id: JSON.stringify([layer.key, layer.whitelists]),
      read: async () => await readAci(layer),
    }));
  }

  return stack.map((layer) => ({
    id: layer.diffId,
    read: async (comparer) => await readLayer(comparer, layer),
  }));
}

async function readAci({ blob, whitelists }: PlannedLayer): Promise<FileTable> {
  return await reading(blob, openTarReader, ({ fd, size }, place) => {
    for (const placement of placedEntries({ fd, size, whitelists })) place(placement);
  });
}

async function readLayer(comparer: Comparer, layer: PackedLayer): Promise<FileTable> {
  using temp = makeTempEntry(comparer.kernel, comparer.dir, 'compare');
  const blob = join(temp.path, 'layer.tar');
  await unpackKept(comparer, layer, blob);

  return await reading(blob, openLayerReader, ({ fd, size }, place, table) => {
    for (const change of layerChanges(openLayerReader(fd, size))) {
      if (change.kind === 'place') place(change);
      else table[change.kind](change.path);
    }
  });
}

type OpenArchive = Pick<Layer, 'fd' | 'size'>;
type Fill = (archive: OpenArchive, place: (placement: Placement) => void, table: FileTable) => void;

async function reading(blob: string, open: typeof openTarReader, fill: Fill): Promise<FileTable> {
  const fd = openSync(blob, 'r');
  try {
    const { size } = fstatSync(fd);
    const digests: Buffer[] = [];
    const { signal } = new AbortController();
    await digestContents([open(fd, size)], { write: (some) => digests.push(some), signal });
    const contents = Buffer.concat(digests);
    const table = createFileTable();
    fill({ fd, size }, (placement) => placeIn(table, placement, contents), table);
    return table;
  } finally {
    closeSync(fd);
  }
}

function placeIn(table: FileTable, placement: Placement, contents: Buffer): void {
  const { entry, path, linkTarget, fileIndex } = placement;
  const at = fileIndex * DIGEST_SIZE;
  const content = entry.type === 'file' ? contents.subarray(at, at + DIGEST_SIZE) : undefined;

  table.place(path, {
    look: lookOf(entry, content),
    isDirectory: entry.type === 'directory',
    linkTarget,
  });
}

/** Of directories without their time, which changes with what is in them. */
function lookOf(entry: ArchiveEntry, content: Buffer | undefined): string {
  const { type, mode, uid, gid, xattrs } = entry;
  const parts = [`${type} ${mode.toString(8)} ${uid} ${gid}`];
  if (type !== 'directory') parts.push(String(entry.mtimeNs));
  if (type === 'char' || type === 'block') {
    parts.push(`${entry.device.major}:${entry.device.minor}`);
  }
  if (type === 'symlink') parts.push(entry.linkPath);
  if (content !== undefined) parts.push(content.toString('base64'));
  if (xattrs.length > 0) parts.push(xattrsDigest(xattrs));

  return parts.join(' ');
}

function xattrsDigest(xattrs: ArchiveEntry['xattrs']): string {
  const texts = xattrs.map(
    ({ name, value }) => `${JSON.stringify(name)} ${value.toString('base64')}`,
  );

  return createHash('sha256').update(texts.sort().join('\n')).digest('base64');
}
