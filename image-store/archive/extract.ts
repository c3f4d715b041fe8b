import { errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Fd, Kernel } from '#base/kernel/kernel';
import { badLayout, shown } from './archive-error.ts';
import type { DirectoryLook, LayerDirectories } from './directory-look.ts';
import { readChecked } from './checked-archive.ts';
import { cleanEntryPath } from './entry-path.ts';
import { checkLimits } from './inspect.ts';
import type { ArchiveLimits } from './limits.ts';
import { createPathFilter, type PathFilter } from './path-filter.ts';
import { linkTargetOf } from './placed.ts';
import { layerChanges } from './layer-entries.ts';
import { createPlacer, type Placement, type Placer, type Whiteouts } from './placer.ts';
import { openLayerReader, openTarReader, readTar, type TarReader } from './tar-reader.ts';

/** One image to be placed; the next one overwrites what it placed. */
export interface Layer {
  /** Its blob, an uncompressed archive, open for reading. */
  readonly fd: Fd;
  /** Bytes of the blob. */
  readonly size: number;
  /** The key of the image, which all bytes of the archive must hash to; undefined when they were hashed already. */
  readonly key?: string | undefined;
  /** Its own `pathWhitelist` and those of the images that depend on it. */
  readonly whitelists: readonly (readonly string[])[];
  /** Of a layer of an OCI image, what it takes away is taken away; undefined for an ACI. */
  readonly whiteouts?: 'apply' | undefined;
}

/** What is placed. */
export interface Contents {
  readonly layers: readonly Layer[];
  /** Each below one before it. */
  readonly directories?: readonly DirectoryLook[] | undefined;
}

export interface Extracted {
  readonly entries: number;
  readonly bytes: number;
  /** Which file of the archives, in the order of `digestContents`, lies at a path below the root. */
  readonly contents: ReadonlyMap<string, number>;
}

const ROOT = 'rootfs';

/**
 * Places the root file systems of images, lowest first, and directories, below the
 * root directory of this process, which has chrooted there. Limits hold for all of
 * them together.
 * @throws GantryError IMAGE_CORRUPT, ARCHIVE_ENTRY_REFUSED, ARCHIVE_TOO_BIG, …; errors of the system as they come
 */
export function extractLayers(
  kernel: Kernel,
  { layers, directories = [] }: Contents,
  limits: ArchiveLimits,
): Extracted {
  const placer = createPlacer(kernel);
  const sofar = { entries: 0, bytes: 0, files: 0 };
  const work = { placer, sofar, limits };
  for (const layer of layers) {
    if (layer.whiteouts === undefined) extractLayer(layer, work);
    else applyLayer(openLayerReader(layer.fd, layer.size), layer.whiteouts, work);
  }
  for (const look of directories) placer.placeDirectory(look);

  return finished(work);
}

/** As `extractLayers`, of one layer of an OCI image, into a tree of its own. */
export function extractLayerFrom(
  kernel: Kernel,
  reader: TarReader,
  limits: ArchiveLimits,
): Extracted & { readonly directories: LayerDirectories } {
  const placer = createPlacer(kernel);
  const work = { placer, sofar: { entries: 0, bytes: 0, files: 0 }, limits };
  applyLayer(reader, 'mark', work);

  return { directories: placer.layerDirectories(), ...finished(work) };
}

function finished({ placer, sofar: { entries, bytes } }: Work): Extracted {
  placer.finish();

  return { entries, bytes, contents: placer.contents };
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

function extractLayer(layer: Layer, work: Work): void {
  const { fd, size, key } = layer;
  if (key === undefined) placeLayer(layer, openTarReader(fd, size), work);
  else readChecked({ fd, key }, (source) => placeLayer(layer, readTar(source), work));
}

function placeLayer(layer: Layer, reader: TarReader, { placer, sofar, limits }: Work): void {
  const route = createRoute(layer);
  const check = (): void => checkSofar(sofar, placer, limits);
  placer.beginLayer();

  for (const placement of rootfsEntries(reader, sofar)) {
    sofar.entries += 1;
    sofar.bytes += placement.entry.size;
    check();
    const routed = route(placement);
    if (routed === undefined) continue;

    placing(routed.entry.path, () => placer.place(routed, reader));
    check();
  }
}

/**
 * What the archive of an ACI places, in its order, whitelists obeyed.
 * @throws GantryError ARCHIVE_*, ACI_LAYOUT_INVALID
 */
export function* placedEntries(layer: Layer): Generator<Placement> {
  const route = createRoute(layer);
  for (const placement of rootfsEntries(openTarReader(layer.fd, layer.size), { files: 0 })) {
    const routed = route(placement);
    if (routed !== undefined) yield routed;
  }
}

function checkSofar({ entries, bytes }: Counts, placer: Placer, limits: ArchiveLimits): void {
  checkLimits({ entries: entries + placer.implied(), bytes }, limits);
}

/** Does to what lies there what a layer of an OCI image does. */
function applyLayer(
  reader: TarReader,
  whiteouts: Whiteouts,
  { placer, sofar, limits }: Work,
): void {
  placer.beginLayer(whiteouts);

  for (const change of layerChanges(reader, sofar)) {
    sofar.entries += 1;
    if (change.kind === 'place') {
      sofar.bytes += change.entry.size;
      checkSofar(sofar, placer, limits);
      placing(change.entry.path, () => placer.place(change, reader));
    } else placing(change.entryPath, () => placer[change.kind](change));
    checkSofar(sofar, placer, limits);
  }
}

/** Names the entry in errors of the system. */
function placing(path: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    if (isGantryError(cause) && !isGantryError(cause, 'KERNEL_CALL_FAILED')) throw cause;
    throw new GantryError(
      'EXTRACT_FAILED',
      `cannot extract "${shown(path)}": ${shown(errorMessage(cause))}`,
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
