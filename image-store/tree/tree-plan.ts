import { GantryError } from '#base/errors/gantry-error';
import { shortSha512 } from '#base/hash/short-hash';
import type { Dependency, ImageManifest } from '#schema/image/image-manifest';
import type { OciDigest } from '#schema/oci/digest';
import type { ImageKey } from '#schema/types/image-hash';

/** Where a plan gets its images from. */
export interface ImageSource {
  manifest(key: ImageKey): ImageManifest;
  /** The uncompressed archive of an image. */
  blobPath(key: ImageKey): string;
  /** The image in the store that a dependency means. @throws GantryError when there is none */
  resolve(dependency: Dependency): ImageKey;
  /** The layers of an OCI image, lowest first; undefined for an ACI. */
  layersOf(key: ImageKey): readonly PackedLayer[] | undefined;
}

/** A layer of an OCI image, as it is kept. */
export interface PackedLayer {
  /** The image that it is of. */
  readonly image: ImageKey;
  /** Of its archive as it is kept. */
  readonly digest: OciDigest;
  /** Of its archive, unpacked. */
  readonly diffId: OciDigest;
  /** Where its archive lies, packed as it came. */
  readonly blob: string;
}

/** One image of a tree. */
export interface PlannedLayer {
  readonly key: ImageKey;
  readonly blob: string;
  /** Whether the blob was just hashed, and is what it was. */
  readonly isIntact?: boolean | undefined;
  /** Its own `pathWhitelist` and those of the images that depend on it. */
  readonly whitelists: readonly (readonly string[])[];
}

/** What a tree is rendered from. */
export interface TreePlan {
  readonly id: string;
  /** The image that the tree is for. */
  readonly key: ImageKey;
  readonly manifest: ImageManifest;
  /** In the order in which they are placed: dependencies first, depth first, the image itself last. */
  readonly layers: readonly PlannedLayer[];
  /** What an OCI image is made of, lowest first; undefined for an ACI. */
  readonly stack?: readonly PackedLayer[] | undefined;
}

/** More images than any real one is made of; dependencies that name each other twice grow without end. */
const MAX_LAYERS = 1000;

/**
 * Plans the tree of an image: it and its dependencies.
 * @throws GantryError IMAGE_DEPENDENCY_CYCLE, IMAGE_TOO_MANY_DEPENDENCIES, and what the source throws
 */
export function planTree(key: ImageKey, source: ImageSource): TreePlan {
  if (source.layersOf(key) !== undefined) return planAlone(key, source);

  const flat: PlannedLayer[] = [];
  const manifest = rememberManifests(source);
  flatten({ key, above: [], whitelists: [] }, { source: { ...source, manifest }, flat });

  return {
    id: treeIdOf(flat.map((layer) => layer.key)),
    key,
    manifest: manifest(key),
    layers: flat.reverse(),
  };
}

/** Reads every manifest once: checking one takes longer than all else here. */
function rememberManifests(source: ImageSource): ImageSource['manifest'] {
  const manifests = new Map<ImageKey, ImageManifest>();

  return (key) => {
    const known = manifests.get(key) ?? source.manifest(key);
    manifests.set(key, known);
    return known;
  };
}

/** Plans to take an image's own archive as it is: no dependencies and no whitelist. */
export function planAlone(key: ImageKey, source: ImageSource): TreePlan {
  const layer = { key, blob: source.blobPath(key), whitelists: [] };
  const stack = source.layersOf(key);

  return { id: treeIdOf([key]), key, manifest: source.manifest(key), layers: [layer], stack };
}

/**
 * The id of the tree of an image, much as rkt makes it: of the keys of the flattened
 * dependency list, the image first, its last dependency (and all that belongs
 * to it) next.
 */
export function treeIdOf(keys: readonly ImageKey[]): string {
  const [only, ...others] = keys;
  // Most images depend on none; their key is a hash already.
  if (only !== undefined && others.length === 0) return `deps-${only}`;

  return `deps-sha512-${shortSha512(keys.join(',')).slice(0, 64)}`;
}

/** The id of the tree of a layer, which all images share that have it. */
export function layerTreeIdOf(diffId: OciDigest): string {
  return `${LAYER_TREE}${diffId.replace(':', '-')}`;
}

/** Whether a tree is that of a layer. */
export function isLayerTreeId(id: string): boolean {
  return id.startsWith(LAYER_TREE);
}

/** How the ids of layers' trees begin. */
const LAYER_TREE = 'layer-';

interface Place {
  readonly key: ImageKey;
  /** The images that depend on it, the outermost first. */
  readonly above: readonly ImageKey[];
  readonly whitelists: readonly (readonly string[])[];
}

interface Flattening {
  readonly source: ImageSource;
  readonly flat: PlannedLayer[];
}

function flatten({ key, above, whitelists }: Place, work: Flattening): void {
  const { source, flat } = work;
  const manifest = source.manifest(key);
  if (above.includes(key))
    throw new GantryError(
      'IMAGE_DEPENDENCY_CYCLE',
      `cannot render image "${manifest.name}": it depends on itself`,
    );
  if (flat.length >= MAX_LAYERS)
    throw new GantryError(
      'IMAGE_TOO_MANY_DEPENDENCIES',
      `cannot render image "${source.manifest(above[0] ?? key).name}": it is made of more than ${MAX_LAYERS} images`,
    );

  const lists = [...whitelists, manifest.pathWhitelist ?? []];
  flat.push({ key, blob: source.blobPath(key), whitelists: lists });
  for (const dependency of [...(manifest.dependencies ?? [])].reverse()) {
    flatten({ key: source.resolve(dependency), above: [...above, key], whitelists: lists }, work);
  }
}
