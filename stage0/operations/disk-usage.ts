import { diskBytes } from '#base/exec/disk-bytes';
import type { ImageRecord, StoredTree } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import type { AcName } from '#schema/types/names';
import type { PodUuid } from '#schema/types/pod-uuid';
import { readPodName } from '#stage1';
import { listPodUuids } from '../pod/find-pod.ts';
import { readPodState } from '../pod/look-at-pod.ts';
import { POD_PHASES } from '../pod/pod-dirs.ts';
import type { PodState, PodStateName } from '../pod/pod-state.ts';
import { type PodUse, podUses } from '../pod/used-images.ts';
import type { OperationContext } from './context.ts';
import { attemptTo } from './describe-pod.ts';
import { type SizedImage, sharedParts, shareOut, sizeOfAll } from './image-shares.ts';
import { type Library, openLibrary } from './library.ts';

/** What everything of one kind takes on the disk. Bytes. */
export interface KindUsage {
  readonly kind: 'images' | 'trees' | 'pods' | 'other';
  readonly count: number | undefined;
  /** How many of them are needed: by a pod, or as a pod that is not over. */
  readonly active: number | undefined;
  readonly size: number;
  /** What several images, or pods, are made of. */
  readonly shared: number;
  /** What "gantry gc" and "gantry image gc" without a grace period would free. */
  readonly reclaimable: number;
}

/** What one image takes, with all that it is made of and its trees. Bytes. */
export interface ImageUsage {
  readonly record: ImageRecord;
  /** Which other images are made of too. */
  readonly shared: number;
  readonly unique: number;
  /** How many pods are made of it. */
  readonly pods: number;
}

/** What one pod takes. Bytes. */
export interface PodUsage {
  readonly uuid: PodUuid;
  readonly name: AcName | undefined;
  readonly state: PodStateName;
  /** The trees that it lies over, which are its images'. */
  readonly shared: number;
  /** Its own directory: what its apps have written, copies of trees. */
  readonly unique: number;
}

/** What lies in the data directory. */
export interface DiskUsage {
  readonly kinds: readonly KindUsage[];
  readonly images: readonly ImageUsage[];
  readonly pods: readonly PodUsage[];
}

/** Measures what lies in the data directory, as the disk has it. */
export async function measureDisk(context: OperationContext): Promise<DiskUsage> {
  const { kernel, exec, dataDir } = context;
  using library = openLibrary(context);
  const records = library.store.list();
  const trees = library.store.trees.list();
  const uses = podUses(dataDir);
  const pods = listPodUuids(dataDir, POD_PHASES).flatMap(
    (uuid) => readPodState(kernel, dataDir, uuid) ?? [],
  );
  const bytes = await diskBytes(exec, [
    ...new Set(records.flatMap((record) => library.store.blobPaths(record))),
    ...trees.map(({ dir }) => dir),
    ...pods.map(({ dir }) => dir),
    // Last: what is left for it is all the rest.
    dataDir,
  ]);

  const taken: Taken = { library, records, trees, pods, uses, at: (path) => bytes.get(path) ?? 0 };
  const images = sizedImages(taken);
  return {
    kinds: [
      imagesUsage(taken, images),
      treesUsage(taken),
      podsUsage(taken),
      { ...NOTHING, kind: 'other', size: taken.at(dataDir) },
    ],
    images: imageUsages(taken, images),
    pods: pods.map((pod) => podUsage(taken, pod)),
  };
}

interface Taken {
  readonly library: Library;
  readonly records: readonly ImageRecord[];
  readonly trees: readonly StoredTree[];
  readonly pods: readonly PodState[];
  readonly uses: ReadonlyMap<PodUuid, PodUse>;
  /** Bytes that a path takes. */
  readonly at: (path: string) => number;
}

const NOTHING = { count: undefined, active: undefined, shared: 0, reclaimable: 0 } as const;

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

function sizedImages({ library: { store }, records, trees, at }: Taken): readonly SizedImage[] {
  const byKey = new Map(records.map((record) => [record.key, record]));

  return records.map(({ key }) => {
    const own = trees.filter((tree) => tree.key === key);
    const below = own.flatMap((tree) => layersOf(trees, tree));
    const blobs = store.withDependencies([key]).flatMap((need) => {
      const record = byKey.get(need);
      return record === undefined ? [] : store.blobPaths(record);
    });
    const paths = [...blobs, ...[...own, ...below].map(({ dir }) => dir)];
    return { key, parts: new Map(paths.map((path) => [path, at(path)])) };
  });
}

/** The trees of layers that a tree lies over. */
function layersOf(trees: readonly StoredTree[], { layers }: StoredTree): readonly StoredTree[] {
  return trees.filter(({ id, broken }) => !broken && layers.includes(id));
}

/** Without the trees, which are told of beside the images. */
function withoutTrees({ trees }: Taken, { key, parts }: SizedImage): SizedImage {
  const dirs = new Set(trees.map(({ dir }) => dir));

  return { key, parts: new Map([...parts].filter(([path]) => !dirs.has(path))) };
}

function imagesUsage(taken: Taken, all: readonly SizedImage[]): KindUsage {
  const images = all.map((image) => withoutTrees(taken, image));
  const needed = neededImages(taken);
  const active = images.filter(({ key }) => needed.has(key));
  const size = sizeOfAll(images);

  return {
    kind: 'images',
    count: images.length,
    active: active.length,
    size,
    shared: sum([...sharedParts(images)].map(taken.at)),
    reclaimable: size - sizeOfAll(active),
  };
}

/** What pods are made of, and what that depends on. */
function neededImages({ library, trees, uses }: Taken): ReadonlySet<ImageKey> {
  const all = [...uses.values()];
  const used = new Set(all.flatMap((use) => use.trees));
  const origins = trees.flatMap(({ id, key }) => (key !== undefined && used.has(id) ? key : []));

  return new Set(library.store.withDependencies([...all.flatMap((use) => use.images), ...origins]));
}

function treesUsage({ trees, uses, at }: Taken): KindUsage {
  const users = (tree: StoredTree): number => {
    const above = trees.filter(({ layers }) => layers.includes(tree.id)).map(({ id }) => id);
    return [...uses.values()].filter((use) =>
      [tree.id, ...above].some((id) => use.trees.includes(id)),
    ).length;
  };
  const bytes = (some: readonly StoredTree[]): number => sum(some.map(({ dir }) => at(dir)));
  const active = trees.filter((tree) => users(tree) > 0);

  return {
    kind: 'trees',
    count: trees.length,
    active: active.length,
    size: bytes(trees),
    shared: bytes(active.filter((tree) => users(tree) > 1)),
    reclaimable: bytes(trees) - bytes(active),
  };
}

/** The states of pods that a collection leaves alone. */
const KEPT: readonly PodStateName[] = ['preparing', 'prepared', 'running'];

function podsUsage({ pods, at }: Taken): KindUsage {
  const bytes = (some: readonly PodState[]): number => sum(some.map(({ dir }) => at(dir)));
  const active = pods.filter(({ name }) => KEPT.includes(name));

  return {
    kind: 'pods',
    count: pods.length,
    active: active.length,
    size: bytes(pods),
    shared: 0,
    reclaimable: bytes(pods) - bytes(active),
  };
}

function imageUsages(taken: Taken, images: readonly SizedImage[]): readonly ImageUsage[] {
  const { records, trees, uses } = taken;
  const shares = shareOut(images);

  return records.map((record) => {
    const own = trees.filter(({ key }) => key === record.key).map(({ id }) => id);
    const users = [...uses.values()].filter(
      (use) => use.images.includes(record.key) || use.trees.some((id) => own.includes(id)),
    );
    const { shared = 0, unique = 0 } = shares.get(record.key) ?? {};
    return { record, shared, unique, pods: users.length };
  });
}

function podUsage({ trees, uses, at }: Taken, { uuid, name, dir }: PodState): PodUsage {
  const own = new Set(uses.get(uuid)?.trees);
  const over = trees.filter(({ id }) => own.has(id));

  return {
    uuid,
    name: attemptTo(() => readPodName(dir), new Set()),
    state: name,
    shared: sum(
      [...new Set([...over, ...over.flatMap((tree) => layersOf(trees, tree))])].map(
        ({ dir: path }) => at(path),
      ),
    ),
    unique: at(dir),
  };
}
