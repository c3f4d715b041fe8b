import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { GantryError } from '#base/errors/gantry-error';
import type { ImageRecord } from '#image-store';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import type { Library } from './library.ts';

/** Everything that is known of one image. */
export interface ImageDetails {
  readonly record: ImageRecord;
  /** In appc's terms. */
  readonly manifest: ImageManifest;
  /** The configuration of an OCI image as it came, JSON. */
  readonly config: object | undefined;
  /** What its root file system is made of, itself included: the lowest last. */
  readonly parts: readonly ImageKey[];
  /** The rendered tree and where it lies, when there is one. */
  readonly tree: { readonly id: string; readonly rootfs: string } | undefined;
}

/** @throws GantryError IMAGE_NOT_FOUND, STORE_DAMAGED */
export function imageDetails({ store, recordOf }: Library, key: ImageKey): ImageDetails {
  const record = demandRecord(recordOf(key), key);
  const plan = store.treePlan(key);
  const tree = store.trees.find(plan.id);

  return {
    record,
    manifest: plan.manifest,
    config: record.oci === undefined ? undefined : readConfig(store.blobPath(key), key),
    parts: plan.layers.map((layer) => layer.key),
    tree: tree === undefined ? undefined : { id: tree.id, rootfs: tree.rootfs },
  };
}

/** One step in which an image was made. */
export interface HistoryStep {
  /** Milliseconds since 1970, where that is known. */
  readonly created: number | undefined;
  /** What made it: a line of a Dockerfile, or the name of an image that this one depends on. */
  readonly createdBy: string;
  readonly comment: string;
  /** Bytes of its layer as it is kept; 0 for a step that changed no file. */
  readonly size: number | undefined;
}

/**
 * How an image was made, the last step first: what the configuration of an OCI
 * image says, or the images that an ACI is made of.
 * @throws GantryError IMAGE_NOT_FOUND, STORE_DAMAGED
 */
export function imageHistory(library: Library, key: ImageKey): readonly HistoryStep[] {
  const { record, config, parts } = imageDetails(library, key);
  if (config !== undefined) return ociHistory(config, record);

  return parts.map((part) => {
    const { importTime, name, size, accepted } = demandRecord(library.recordOf(part), part);
    return { created: importTime, createdBy: name, comment: accepted.source, size };
  });
}

const historySchema = v.object({
  history: v.optional(
    v.nullable(
      v.array(
        v.object({
          created: v.optional(v.string()),
          created_by: v.optional(v.string()),
          comment: v.optional(v.string()),
          empty_layer: v.optional(v.boolean()),
        }),
      ),
    ),
  ),
});

function ociHistory(config: object, { oci, key }: ImageRecord): readonly HistoryStep[] {
  const result = v.safeParse(historySchema, config);
  if (!result.success) throw damaged(key, 'its history is not as it should be');
  const layers = oci?.layers ?? [];
  const history = result.output.history ?? [];
  const made = history.filter(({ empty_layer: isEmpty }) => isEmpty !== true);
  // A history that leaves layers out does not say which.
  const isComplete = made.length === layers.length;
  const steps = history.map((step) => {
    const isEmpty = step.empty_layer === true;
    const created = Date.parse(step.created ?? '');
    const layer = isComplete ? layers[made.indexOf(step)] : undefined;
    return {
      created: Number.isNaN(created) ? undefined : created,
      createdBy: step.created_by ?? '',
      comment: step.comment ?? '',
      size: isEmpty ? 0 : layer?.size,
    };
  });
  if (isComplete) return steps.toReversed();
  const unknown = layers.map(({ size, digest }) => ({
    created: undefined,
    createdBy: '',
    comment: digest,
    size,
  }));

  return [...steps, ...unknown].toReversed();
}

function readConfig(path: string, key: ImageKey): object {
  return decodeJson(v.looseObject({}), readFileSync(path, 'utf8'), {
    what: `the configuration of image ${key}`,
    code: 'STORE_DAMAGED',
  });
}

function demandRecord(record: ImageRecord | undefined, key: ImageKey): ImageRecord {
  if (record !== undefined) return record;
  throw new GantryError('IMAGE_NOT_FOUND', `cannot find image ${key}: it is not in the store`);
}

function damaged(key: ImageKey, state: string): GantryError {
  return new GantryError(
    'STORE_DAMAGED',
    `cannot read the configuration of image ${key}: ${state}`,
  );
}
