import { createReadStream, readFileSync } from 'node:fs';
import pLimit from 'p-limit';
import { GantryError } from '#base/errors/gantry-error';
import { obstacleOf } from '#base/errors/obstacle';
import type { OciDigest } from '#schema/oci/digest';
import type { ImageKey } from '#schema/types/image-hash';
import type { LayerDirectories } from '../archive/directory-look.ts';
import { isIntactFile } from '../blobs/hash-file.ts';
import { inParallel } from '../work/in-parallel.ts';
import { reported } from '../work/reported.ts';
import { directoryLooks, type LookedAtLayer, visibleLayers } from './directory-looks.ts';
import { extract } from './extraction.ts';
import { findLayerTree, type TreeFlag } from './find-tree.ts';
import type { TreeInMaking, TreeMaker } from './make-tree.ts';
import { directoryFlag, hasLayer, stageLayer } from './stage-layer.ts';
import type { PlainTree } from './tree.ts';
import { lockTree } from './tree-lock.ts';
import { treeDirectoriesPath, treeListingPath, treeRootfsPath } from './tree-paths.ts';
import { layerTreeIdOf, type PackedLayer } from './tree-plan.ts';

/** Layers that are extracted at the same time: while one is seen to disk, others are unpacked. */
const AT_A_TIME = 3;

/**
 * Renders the trees of layers that are not there, or changed, each once. Whoever
 * works on one holds no lock but its own, so that nobody waits in a circle. After
 * a failure no other is begun, and all have ended when this throws.
 * @throws GantryError IMAGE_CORRUPT, ARCHIVE_*, EXTRACT_*, IMAGE_DIGEST_MISMATCH
 */
export async function renderLayers(maker: TreeMaker, stack: readonly PackedLayer[]): Promise<void> {
  const layers = new Map(stack.map((layer) => [layer.diffId, layer])).values();
  await inParallel(pLimit(AT_A_TIME), layers, async (layer) => await renderLayer(maker, layer));
}

async function renderLayer(maker: TreeMaker, layer: PackedLayer): Promise<void> {
  const { diffId } = layer;
  using _lock = await lockTree(maker, layerTreeIdOf(diffId));
  if (hasLayer(maker, diffId)) return;

  maker.log.debug(`extracting layer ${diffId}`);
  const archive = reported(unpackedKept(maker, layer), {
    log: maker.log,
    signal: undefined,
    id: diffId,
    what: `layer ${diffId}`,
    action: 'extracting',
    total: undefined,
  });
  using staged = await stageLayer(maker, { diffId, archive });
  staged.demand();
  staged.place();
}

/**
 * The archive of a layer as the store keeps it, unpacked and checked while it is
 * read. What is wrong with it is looked into only then: a blob that is not what
 * it was can be fetched again, one that is cannot be helped.
 */
async function* unpackedKept(
  { exec, limits }: Pick<TreeMaker, 'exec' | 'limits'>,
  { image, blob, digest, diffId }: PackedLayer,
): AsyncGenerator<Buffer, void, undefined> {
  // What unpacks is not needed where trees are there already.
  const { unpackedLayer } = await import('../archive/unpack-layer.ts');
  const what = `layer ${diffId}`;
  try {
    yield* unpackedLayer(chunksOf(blob, diffId), { exec, what, diffId, limits });
  } catch (cause) {
    if (obstacleOf(cause) !== undefined || (await isIntactFile(blob, digest))) throw cause;
    throw new GantryError(
      'IMAGE_CORRUPT',
      `cannot use image ${image}: its layer ${digest} is damaged`,
      { hint: 'fetch it again', cause },
    );
  }
}

/** Writes it to a file that must not be there yet. */
export async function unpackKept(
  extractor: Pick<TreeMaker, 'exec' | 'limits'>,
  layer: PackedLayer,
  target: string,
): Promise<void> {
  const { writeArchive } = await import('../archive/unpack-layer.ts');
  await writeArchive(unpackedKept(extractor, layer), target);
}

const READ_SIZE = 256 * 1024;

async function* chunksOf(path: string, layer: OciDigest): AsyncGenerator<Buffer, void, undefined> {
  try {
    const stream = createReadStream(path, { highWaterMark: READ_SIZE });
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (cause) {
    if (obstacleOf(cause) !== undefined) throw cause;
    throw new GantryError(
      'IMAGE_CORRUPT',
      `cannot read layer ${layer}: its blob cannot be opened`,
      { hint: 'remove the image and fetch it again', cause },
    );
  }
}

/** Which tree is filled. */
interface StackTree extends Pick<TreeInMaking, 'tree' | 'digestsPath'> {
  readonly key: ImageKey;
}

/**
 * Fills the tree of an OCI image, whose layers' trees are there: with the
 * directories that overlayfs would show wrongly, and which layers are below.
 */
export async function fillStackTree(
  maker: TreeMaker,
  stack: readonly PackedLayer[],
  { tree, key, digestsPath }: StackTree,
): Promise<TreeFlag> {
  const { kernel, dir } = maker;
  // A layer that comes twice hides its lower self, and overlayfs takes no directory twice.
  const ids = [...new Set(stack.map(({ diffId }) => layerTreeIdOf(diffId)).toReversed())];
  const layers = visibleLayers(
    kernel,
    ids.toReversed().map((id) => demandLayerTree(dir, id)),
  );
  const looks = directoryLooks(
    kernel,
    layers.map((layer) => ({ rootfs: layer.rootfs, ...directoriesOf(layer) })),
  );
  const done = await extract(maker, {
    root: treeRootfsPath(tree),
    layers: [],
    directories: looks,
    record: { listingPath: treeListingPath(tree), digestsPath },
  });

  return { ...directoryFlag(done, key), layers: layers.map(({ id }) => id) };
}

function demandLayerTree(dir: string, id: string): PlainTree {
  const tree = findLayerTree(dir, id);
  if (tree === undefined) throw new Error(`tree ${id} is not there after it was rendered`);

  return tree;
}

function directoriesOf({ dir }: PlainTree): Omit<LookedAtLayer, 'rootfs'> {
  const text = readFileSync(treeDirectoriesPath(dir), 'utf8');
  const { implied, hiding } = JSON.parse(text) as LayerDirectories;

  return { implied: new Set(implied), hiding };
}
