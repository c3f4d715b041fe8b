import { errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Fd, Kernel } from '#base/kernel/kernel';
import { badLayout, shown } from './archive-error.ts';
import { cleanEntryPath } from './entry-path.ts';
import { checkLimits } from './inspect.ts';
import type { ArchiveLimits } from './limits.ts';
import { createPathFilter, type PathFilter } from './path-filter.ts';
import { linkTargetOf } from './placed.ts';
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
  /** Which file of the archives, in the order of `digestContents`, lies at a path below the root. */
  readonly contents: ReadonlyMap<string, number>;
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
  const sofar = { entries: 0, bytes: 0, files: 0 };
  for (const layer of layers) extractLayer(layer, { placer, sofar, limits });
  placer.finish();

  return { entries: sofar.entries, bytes: sofar.bytes, contents: placer.contents };
}

interface Work {
  readonly placer: Placer;
  readonly sofar: Counts;
  readonly limits: ArchiveLimits;
}

interface Counts {
  entries: number;
  bytes: number;
  /** Files in the archives, whether placed or not. */
  files: number;
}

function extractLayer(layer: Layer, { placer, sofar, limits }: Work): void {
  const route = createRoute(layer);
  const reader = openTarReader(layer.fd, layer.size);
  const check = (): void =>
    checkLimits({ entries: sofar.entries + placer.implied(), bytes: sofar.bytes }, limits);
  placer.beginLayer();

  for (const placement of rootfsEntries(reader, sofar)) {
    sofar.entries += 1;
    sofar.bytes += placement.entry.size;
    check();
    const routed = route(placement);
    if (routed === undefined) continue;

    placing(routed, () => placer.place(routed, reader));
    check();
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

/** What an archive holds below `rootfs`, as it would be placed were there no whitelist. */
function* rootfsEntries(reader: TarReader, counts: Pick<Counts, 'files'>): Generator<Placement> {
  for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
    const path = cleanEntryPath(entry.path);
    const fileIndex = counts.files;
    if (entry.type === 'file') counts.files += 1;
    if (path === '' || path === 'manifest') continue;

    const linkTarget = linkTargetOf(entry);
    if (path === ROOT) {
      if (entry.type !== 'directory') throw badLayout('its rootfs is no directory');
      yield { entry, path: '', fileIndex };
    } else if (path.startsWith(`${ROOT}/`)) {
      yield { entry, path: path.slice(ROOT.length + 1), fileIndex, linkTarget };
    } else throw badLayout(`"${entry.path}" is neither the manifest nor in rootfs`);
  }
}

/**
 * Where each entry of a layer goes, if anywhere, by its whitelists. A file that
 * they drop although a hard link to it stays is placed under the name of the
 * first such link.
 */
function createRoute(layer: Layer): (placement: Placement) => Placement | undefined {
  const filter = createPathFilter(layer.whitelists);
  if (filter === undefined) return (placement) => placement;

  const standIns = findStandIns(layer, filter);
  return (placement) => {
    const { entry, path, linkTarget } = placement;
    const standIn = standIns.get(path);
    if (standIn !== undefined) return { ...placement, path: standIn };
    if (!filter.keeps(path, entry.type)) return undefined;
    if (linkTarget === undefined) return placement;

    const target = standIns.get(linkTarget) ?? linkTarget;
    return target === path ? undefined : { ...placement, linkTarget: target };
  };
}

/** By path of a dropped file, the path of the first hard link to it that stays. */
function findStandIns(layer: Layer, filter: PathFilter): ReadonlyMap<string, string> {
  const standIns = new Map<string, string>();
  const dropped = new Set<string>();
  const reader = openTarReader(layer.fd, layer.size);
  for (const { entry, path, linkTarget } of rootfsEntries(reader, { files: 0 })) {
    const kept = filter.keeps(path, entry.type);
    if (linkTarget === undefined) {
      if (!kept) dropped.add(path);
    } else if (kept && dropped.has(linkTarget) && !standIns.has(linkTarget)) {
      standIns.set(linkTarget, path);
    }
  }

  return standIns;
}
