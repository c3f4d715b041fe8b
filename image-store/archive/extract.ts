import { errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Fd, Kernel } from '#base/kernel/kernel';
import { badLayout, refused, shown } from './archive-error.ts';
import type { ArchiveEntry } from './entry.ts';
import { cleanEntryPath } from './entry-path.ts';
import { checkLimits } from './inspect.ts';
import type { ArchiveLimits } from './limits.ts';
import { createPathFilter, type PathFilter } from './path-filter.ts';
import { createPlacer, type Placement, type Placer } from './placer.ts';
import { openTarReader, type TarReader } from './tar-reader.ts';

/** One image to be placed; the next one overwrites what it placed. */
export interface Layer {
  /** Its blob, an uncompressed archive, open for reading. */
  readonly fd: Fd;
  /** Bytes of the blob. */
  readonly size: number;
  /** Its own `pathWhitelist` and those of the images that depend on it. */
  readonly whitelists: readonly (readonly string[])[];
}

export interface Extracted {
  readonly entries: number;
  readonly bytes: number;
  /** Digests (`CONTENT_DIGEST`) of the files' contents, by path below the root. */
  readonly digests: ReadonlyMap<string, Buffer>;
}

const ROOT = 'rootfs';

/**
 * Places the root file systems of images, lowest first, below the root
 * directory of this process, which has chrooted there. Limits hold for all of
 * them together.
 * @throws GantryError ARCHIVE_ENTRY_REFUSED, ARCHIVE_TOO_BIG, …; errors of the system as they come
 */
export function extractLayers(
  kernel: Kernel,
  layers: readonly Layer[],
  limits: ArchiveLimits,
): Extracted {
  const placer = createPlacer(kernel);
  const sofar = { entries: 0, bytes: 0 };
  for (const layer of layers) extractLayer(layer, { placer, sofar, limits });
  placer.finish();

  return { ...sofar, digests: placer.digests };
}

interface Work {
  readonly placer: Placer;
  readonly sofar: { entries: number; bytes: number };
  readonly limits: ArchiveLimits;
}

function extractLayer(layer: Layer, { placer, sofar, limits }: Work): void {
  const filter = createPathFilter(layer.whitelists);
  const standIns = filter === undefined ? undefined : findStandIns(layer, filter);
  const reader = openTarReader(layer.fd, layer.size);
  const check = (): void =>
    checkLimits({ entries: sofar.entries + placer.implied(), bytes: sofar.bytes }, limits);
  const place = (placement: Placement): void => {
    placing(placement, () => placer.place(placement, reader));
    check();
  };
  placer.beginLayer();

  for (const { entry, path } of rootfsEntries(reader)) {
    sofar.entries += 1;
    sofar.bytes += entry.size;
    check();
    const linkTarget = linkTargetOf(entry);
    if (filter === undefined || standIns === undefined) {
      place({ entry, path, linkTarget });
      continue;
    }

    const standIn = standIns.get(path);
    if (standIn !== undefined) place({ entry, path: standIn });
    else if (filter.keeps(path, entry.type) && !isStandIn(standIns, path, linkTarget)) {
      const target =
        linkTarget === undefined ? undefined : (standIns.get(linkTarget) ?? linkTarget);
      place({ entry, path, linkTarget: target });
    }
  }
}

/** Names the entry in errors of the system. */
function placing({ entry }: Placement, work: () => void): void {
  try {
    work();
  } catch (cause) {
    if (isGantryError(cause) && !isGantryError(cause, 'KERNEL_CALL_FAILED')) throw cause;
    throw new GantryError(
      'EXTRACT_FAILED',
      `cannot extract "${shown(entry.path)}": ${shown(errorMessage(cause))}`,
      { cause },
    );
  }
}

function* rootfsEntries(
  reader: TarReader,
): Generator<{ readonly entry: ArchiveEntry; readonly path: string }> {
  for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
    const path = cleanEntryPath(entry.path);
    if (path === '' || path === 'manifest') continue;
    if (path === ROOT) {
      if (entry.type !== 'directory') throw badLayout('its rootfs is no directory');
      yield { entry, path: '' };
    } else if (path.startsWith(`${ROOT}/`)) yield { entry, path: path.slice(ROOT.length + 1) };
    else throw badLayout(`"${entry.path}" is neither the manifest nor in rootfs`);
  }
}

/** The target of a hard link below the root; undefined for other entries. */
function linkTargetOf(entry: ArchiveEntry): string | undefined {
  if (entry.type !== 'link') return undefined;
  if (entry.linkPath.startsWith('/'))
    throw refused(entry.path, `it is a hard link to the absolute path "${entry.linkPath}"`);

  const parts = entry.linkPath.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || parts[0] !== ROOT || parts.length < 2)
    throw refused(entry.path, `it is a hard link to "${entry.linkPath}", outside of rootfs`);

  return parts.slice(1).join('/');
}

/**
 * Files that a whitelist drops although a hard link to them stays: the first
 * such link is placed in their stead.
 * @returns by path of the dropped file, the path of the link
 */
function findStandIns(layer: Layer, filter: PathFilter): ReadonlyMap<string, string> {
  const standIns = new Map<string, string>();
  const dropped = new Set<string>();
  for (const { entry, path } of rootfsEntries(openTarReader(layer.fd, layer.size))) {
    const target = linkTargetOf(entry);
    if (target === undefined) {
      if (!filter.keeps(path, entry.type)) dropped.add(path);
    } else if (dropped.has(target) && filter.keeps(path, entry.type) && !standIns.has(target)) {
      standIns.set(target, path);
    }
  }

  return standIns;
}

function isStandIn(
  standIns: ReadonlyMap<string, string>,
  path: string,
  target: string | undefined,
): boolean {
  return target !== undefined && standIns.get(target) === path;
}
