import { errorCode } from '#base/errors/gantry-error';
import type { ImageRecord, ImageStore, StoredTree } from '#image-store';
import type { SizedImage } from './image-shares.ts';

/** What images are made of, by what the index says; of trees as far as the caller may look at them. */
export function imageParts(
  store: ImageStore,
  records: readonly ImageRecord[],
): readonly SizedImage[] {
  const trees = treesInSight(store);
  const byKey = new Map(records.map((record) => [record.key, record]));

  return records.map((record) => {
    const needs = store.withDependencies([record.key]).flatMap((key) => byKey.get(key) ?? []);
    const parts = [...needs.flatMap(blobParts), ...treeParts(record, trees)];
    return { key: record.key, parts: new Map(parts) };
  });
}

type Part = readonly [id: string, bytes: number];

function blobParts({ key, size, oci }: ImageRecord): readonly Part[] {
  const layers = new Map(oci?.layers.map((layer) => [layer.digest, layer.size]));
  const own = [...layers.values()].reduce((left, bytes) => left - bytes, size);

  return [[key, own], ...layers];
}

/** An image's own tree is told from the trees of its layers, which other images may have. */
function treeParts({ key, treeSize }: ImageRecord, trees: readonly StoredTree[]): readonly Part[] {
  const below = new Set(trees.filter((tree) => tree.key === key).flatMap(({ layers }) => layers));
  const layers = trees
    .filter(({ name }) => below.has(name))
    .map(({ name, size }): Part => [name, size]);
  const own = layers.reduce((left, [, bytes]) => left - bytes, treeSize);

  return [[`tree of ${key}`, Math.max(own, 0)], ...layers];
}

/** Only root looks into the trees. */
function treesInSight({ trees }: ImageStore): readonly StoredTree[] {
  try {
    return trees.list();
  } catch (error) {
    if (errorCode(error) === 'EACCES') return [];
    throw error;
  }
}
