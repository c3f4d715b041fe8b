import { isPlainFile } from '#base/fs/plain-file';
import { corruptImage } from '../archive/archive-error.ts';
import type { ImageKey } from '#schema/types/image-hash';
import { blobPath, ociBlobPath } from '../format/layout.ts';
import type { OciParts } from '../index/image-record.ts';
import { readStoredRecord } from '../index/records.ts';
import { partsOf } from './hold-blobs.ts';
import type { TreePlan } from '../tree/tree-plan.ts';

/**
 * Refuses blobs that are something else by now, before anybody opens them: a
 * pipe would never end. What is gone is found by who opens it.
 * @param key of the image that they are of
 * @throws GantryError IMAGE_CORRUPT
 */
export function demandRegular(key: string, paths: Iterable<string>): void {
  for (const path of paths) {
    if (!isPlainFile(path)) throw corruptImage(key, `"${path}" is not a regular file`);
  }
}

/** The same for all blobs of an image in the store. @throws GantryError IMAGE_CORRUPT, STORE_DAMAGED */
export function demandRegularImage(dir: string, key: ImageKey): void {
  demandRegular(key, blobPathsOf(dir, key, readStoredRecord(dir, key)?.oci));
}

/** Where the blobs of an image lie, each once. @param oci of an OCI image */
export function blobPathsOf(
  dir: string,
  key: ImageKey,
  oci: OciParts | undefined,
): readonly string[] {
  const parts = oci === undefined ? [] : partsOf(oci);

  return [...new Set([blobPath(dir, key), ...parts.map((digest) => ociBlobPath(dir, digest))])];
}

/** The same for all that a tree is rendered from. */
export function demandRegularBlobs({ key, layers, stack = [] }: TreePlan): void {
  for (const layer of layers) demandRegular(layer.key, [layer.blob]);
  demandRegular(
    key,
    stack.map(({ blob }) => blob),
  );
}
