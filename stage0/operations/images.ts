import { statSync } from 'node:fs';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import {
  type Acceptance,
  holdsAs,
  type ImageRecord,
  parseReference,
  type Reference,
  type Tree,
} from '#image-store';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import { demandAccepted } from './acceptance.ts';
import type { OperationContext } from './context.ts';
import { configDirs, type Library } from './library.ts';
import { findOfRegistry, type StoredImage } from './stored-image.ts';
import { demandForThisMachine } from './machine.ts';
import type { InsecureOptions, PullPolicy } from './requests.ts';

/** An image as it is asked for. */
export interface ImageWish {
  /** As typed. */
  readonly text: string;
  readonly pullPolicy: PullPolicy;
  readonly insecure: InsecureOptions;
  readonly signature?: string | undefined;
}

/**
 * The image that a user means: from the store when the policy lets it, else
 * fetched and verified. What is in the store is found without loading what
 * fetches.
 * @throws GantryError IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS, IMAGE_REFERENCE_INVALID, and what fetching throws
 */
export async function findImage(
  context: OperationContext,
  { store, remember }: Library,
  wish: ImageWish,
): Promise<ImageKey> {
  const reference = referenceOf(wish);
  if (reference.kind === 'hash') return store.findByPrefix(reference.prefix);
  const take = (record: ImageRecord): ImageKey => {
    if (wish.signature !== undefined) {
      context.log.warning(
        `signature "${wish.signature}" is not looked at: the image is here already`,
      );
    }
    remember(record);
    return record.key;
  };

  if (reference.kind === 'name' && wish.pullPolicy !== 'update') {
    const record = store.findByName(reference.name, reference.labels);
    if (record !== undefined) return take(record);
    if (wish.pullPolicy === 'never') {
      throw new GantryError('IMAGE_NOT_FOUND', `cannot find image "${wish.text}" in the store`, {
        hint: 'fetch it first, or leave out --pull-policy=never',
      });
    }
  }

  if (reference.kind === 'registry' && wish.pullPolicy !== 'update') {
    const found = await findOfRegistry(context, store, reference);
    if (found !== undefined && (await mayBeTaken(context, found, wish))) return take(found.record);
  }

  return await fetchWish(context, wish);
}

/**
 * Brings an image that the store has, but that cannot be run: how it was
 * accepted holds no longer, or something that it depends on is not there.
 * Undefined where the store is all that is asked.
 */
export function renewalOf(
  context: OperationContext,
  { forget }: Library,
  wish: ImageWish,
): (() => Promise<ImageKey>) | undefined {
  const { kind } = referenceOf(wish);
  if (wish.pullPolicy !== 'new' || (kind !== 'name' && kind !== 'registry')) return undefined;

  return async () => {
    const key = await fetchWish(context, wish);
    forget();
    return key;
  };
}

const referenceOf = ({ text }: ImageWish): Reference =>
  parseReference(text, { fileExists: isRegularFile });

async function fetchWish(
  context: OperationContext,
  { text, pullPolicy, insecure, signature }: ImageWish,
): Promise<ImageKey> {
  return await context.fetchImage(text, { pullPolicy, insecure, signature });
}

/** Whether an image of the store need not be fetched anew. @throws GantryError IMAGE_UNTRUSTED */
async function mayBeTaken(
  context: OperationContext,
  { record, reference }: StoredImage,
  { text, insecure, pullPolicy }: ImageWish,
): Promise<boolean> {
  if (insecure.image) return true;
  // One that was accepted unchecked may be fetched and checked now.
  if (record.accepted.how === 'insecure') return false;
  if (await holdsAs(configDirs(context), record, reference)) return true;
  if (pullPolicy === 'never') throw acceptedByAnotherName(text);

  return false;
}

function acceptedByAnotherName(text: string): GantryError {
  return new GantryError(
    'IMAGE_UNTRUSTED',
    `cannot use image "${text}": it was accepted by another name, and the policy demands something else by this one`,
    { hint: 'leave out --pull-policy=never, so that it is fetched again' },
  );
}

/** An image that may be run, with its tree. */
export interface RunnableImage {
  readonly key: ImageKey;
  readonly manifest: ImageManifest;
  /** What its tree is made of, itself included. */
  readonly layers: readonly ImageKey[];
  readonly tree: Tree;
  /** How it was accepted. */
  readonly accepted: Acceptance;
}

/**
 * Makes an image ready to be run: it is for this machine, it and all that it is
 * made of were accepted and still are, and its tree is rendered and as it was rendered.
 * @throws GantryError IMAGE_FOREIGN, IMAGE_UNTRUSTED, IMAGE_NOT_FOUND, and what rendering throws
 */
export async function demandRunnable(
  context: OperationContext,
  { store, trust, recordOf }: Library,
  { key, insecure }: { readonly key: ImageKey; readonly insecure: InsecureOptions },
): Promise<RunnableImage> {
  const plan = store.treePlan(key);
  demandForThisMachine(plan.manifest);
  const known = (each: ImageKey): ImageRecord => {
    const record = recordOf(each);
    if (record === undefined) throw new Error(`no record of image ${each}`);
    return record;
  };
  for (const layer of plan.layers) {
    const record = known(layer.key);
    await demandAccepted(context, trust, { record, insecure: insecure.image });
  }

  const tree = store.trees.find(plan.id) ?? (await store.renderTree(key));

  return {
    key,
    manifest: plan.manifest,
    layers: plan.layers.map((layer) => layer.key),
    tree: await demandUnchanged(context, store, { key, tree, manifest: plan.manifest }),
    accepted: known(key).accepted,
  };
}

/** The tree of an image, and what it is taken for. */
export interface FoundTree {
  readonly key: ImageKey;
  readonly tree: Tree;
  /** The image's, as the store's copy has it; not compared with the tree's when undefined. */
  readonly manifest?: ImageManifest | undefined;
}

/**
 * The tree as it was rendered. One that has been changed since is put aside and
 * rendered anew from the verified image, under the same id.
 * @throws GantryError IMAGE_CORRUPT when it is the image or the copy of its manifest that has changed; what rendering throws
 */
export async function demandUnchanged(
  context: OperationContext,
  store: Library['store'],
  { key, tree, manifest }: FoundTree,
): Promise<Tree> {
  try {
    store.trees.checkFast(tree);
    if (manifest === undefined || store.trees.hasManifest(tree, manifest)) return tree;
    // Root alone writes among the trees, the group too where the copy and the blobs lie.
    await store.verifyBlobs(key);
    context.log.warning(`the manifest in tree "${tree.id}" has changed; rendering it again`);
  } catch (error) {
    if (!isGantryError(error, 'TREE_CHANGED')) throw error;
    context.log.warning(`${error.message}; rendering it again`);
  }

  await store.trees.discard(tree.id);
  const fresh = await store.renderTree(key);
  store.trees.checkFast(fresh);
  return fresh;
}

function isRegularFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
