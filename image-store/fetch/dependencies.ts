import { GantryError, isGantryError } from '#base/errors/gantry-error';
import type { ImageManifest } from '#schema/image/image-manifest';
import { type ImageId, type ImageKey, imageIdMatches } from '#schema/types/image-hash';
import type { AcIdentifier } from '#schema/types/names';
import { formatImageName, withHostLabels } from '../reference/image-name.ts';
import type { NameReference } from '../reference/reference.ts';

/** A dependency as something to bring in. */
export interface Need {
  readonly reference: NameReference;
  /** What has it as a dependency. */
  readonly dependant: AcIdentifier;
  /** Which image it must be, when its dependant says so. */
  readonly id?: ImageId | undefined;
  /** Bytes of its archive, when its dependant says so. */
  readonly size?: number | undefined;
}

export interface DependencyOptions {
  readonly manifest: (key: ImageKey) => ImageManifest;
  /** Brings one image in; called once for each, several at a time. */
  readonly bring: (need: Need) => Promise<ImageKey>;
  readonly max: number;
}

/**
 * Brings in all that an image depends on, level by level, so that nothing ever
 * waits for an image that waits for it.
 * @returns each image once, nearest first, without the first one
 * @throws GantryError IMAGE_DEPENDENCY_CYCLE, IMAGE_DEPENDENCY_MISMATCH, IMAGE_TOO_MANY_DEPENDENCIES; what `bring` throws
 */
export async function bringDependencies(
  root: ImageKey,
  options: DependencyOptions,
): Promise<readonly ImageKey[]> {
  const brought = new Map<string, Promise<ImageKey>>();
  const edges = new Map<ImageKey, readonly ImageKey[]>();
  for (let level: readonly ImageKey[] = [root]; level.length > 0; ) {
    const needs = level.map((key) => ({ key, needs: needsOf(options.manifest(key)) }));
    const found = await allOrFirstFailure(
      needs.map(async (node) => ({
        key: node.key,
        children: await allOrFirstFailure(
          node.needs.map(async (need) => await needed(need, once(need, brought, options))),
        ),
      })),
    );
    for (const { key, children } of found) edges.set(key, children);
    level = [...new Set(found.flatMap(({ children }) => children))].filter(
      (key) => !edges.has(key),
    );
  }

  demandNoCycle(root, edges, options);
  return [...edges.keys()].filter((key) => key !== root);
}

/** Waits for all, so that nothing goes on behind the back of who is told of the first failure. */
async function allOrFirstFailure<Value>(promises: readonly Promise<Value>[]): Promise<Value[]> {
  await Promise.allSettled(promises);

  return await Promise.all(promises);
}

function needsOf({ name: dependant, dependencies = [] }: ImageManifest): readonly Need[] {
  return dependencies.map(({ imageName, imageID, labels = [], size }) => {
    const image = { name: imageName, labels: withHostLabels(labels) };
    const text = formatImageName(image);

    return { reference: { kind: 'name', text, ...image }, dependant, id: imageID, size };
  });
}

/** Of what fails, tells who needs it. */
async function needed(
  { dependant, reference }: Need,
  bringing: Promise<ImageKey>,
): Promise<ImageKey> {
  try {
    return await bringing;
  } catch (error) {
    if (!isGantryError(error) || error.code === 'FETCH_CANCELLED') throw error;
    throw new GantryError(
      error.code,
      `cannot use image "${dependant}": it depends on "${reference.text}", which cannot be had`,
      { hint: error.hint, cause: error },
    );
  }
}

async function once(
  need: Need,
  brought: Map<string, Promise<ImageKey>>,
  { bring, max }: DependencyOptions,
): Promise<ImageKey> {
  const identity = `${need.reference.text} ${need.id ?? ''}`;
  const known = brought.get(identity);
  if (known !== undefined) return await known;
  if (brought.size >= max) {
    throw new GantryError(
      'IMAGE_TOO_MANY_DEPENDENCIES',
      `cannot fetch "${need.reference.text}": more than ${max} dependencies`,
    );
  }

  const bringing = bring(need);
  brought.set(identity, bringing);
  const key = await bringing;
  demandId(need, key);
  return key;
}

function demandId({ reference, id }: Need, key: ImageKey): void {
  if (id === undefined || imageIdMatches(id, key)) return;

  throw new GantryError(
    'IMAGE_DEPENDENCY_MISMATCH',
    `cannot use "${reference.text}" as a dependency: ${id} was asked for, what came is ${key}`,
    { hint: 'the image that depends on it has to be built again with what there is now' },
  );
}

/** Demands that no image depends on itself; images name each other by name, so they can. */
function demandNoCycle(
  root: ImageKey,
  edges: ReadonlyMap<ImageKey, readonly ImageKey[]>,
  { manifest }: DependencyOptions,
): void {
  const done = new Set<ImageKey>();
  const visit = (key: ImageKey, path: readonly ImageKey[]): void => {
    if (path.includes(key)) {
      const names = [...path.slice(path.indexOf(key)), key].map(
        (each) => `"${manifest(each).name}"`,
      );
      throw new GantryError(
        'IMAGE_DEPENDENCY_CYCLE',
        `cannot use image "${manifest(root).name}": it depends on itself: ${names.join(' needs ')}`,
        { hint: 'the publisher has to take one of these dependencies out' },
      );
    }
    if (done.has(key)) return;
    for (const child of edges.get(key) ?? []) visit(child, [...path, key]);
    done.add(key);
  };
  visit(root, []);
}
