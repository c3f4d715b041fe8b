import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { parseImageManifest } from '#schema/image/image-manifest';
import { type ImageKey, parseImageKey } from '#schema/types/image-hash';
import { applyCommit } from '../blobs/apply-commit.ts';
import { INCOMING_PURPOSE, writeDecision } from '../blobs/incoming.ts';
import { makeTempEntry } from '../blobs/temp-entry.ts';
import type { StoreContext } from '../format/context.ts';
import { blobPath, blobsDir, manifestPath } from '../format/layout.ts';
import { type Keeping, readKeepingIfSound } from './acceptance.ts';
import { readNames } from './records.ts';

/** What to write down of an image about which nothing is kept. */
export interface IndexDefaults {
  /** Where it came from, in words; it counts as accepted insecurely. Without it, such an image is refused. */
  readonly source?: string | undefined;
  /** The manifest's text, read from the blob; the copy in the store unless given. */
  readonly manifestText?: string | undefined;
}

/** Keys of all blobs, indexed or not. */
export function listBlobs(dir: string): readonly ImageKey[] {
  return readNames(blobsDir(dir))
    .flatMap((shard) => readNames(join(blobsDir(dir), shard)))
    .filter((name) => /^sha512-[0-9a-f]{64}$/.test(name))
    .map(parseImageKey);
}

/**
 * Makes the index of one image anew from its blob and what is kept beside it.
 * @returns false when the image was removed meanwhile
 * @throws GantryError STORE_DAMAGED, IMAGE_MANIFEST_INVALID
 */
export function indexBlob(
  context: StoreContext,
  key: ImageKey,
  { source, manifestText }: IndexDefaults,
): boolean {
  const { dir, kernel } = context;
  const { size, mtimeMs } = statSync(blobPath(dir, key));
  const importTime = Math.trunc(mtimeMs);
  const text = manifestText ?? readFileSync(manifestPath(dir, key), 'utf8');
  const { name, labels = [] } = parseImageManifest(text);
  const keeping = keepingOr(dir, key, source === undefined ? undefined : { importTime, source });

  using entry = makeTempEntry(kernel, dir, INCOMING_PURPOSE);
  const record = { key, name, labels, importTime, size };
  writeDecision(entry.path, { record, keeping, manifestText: text });
  return applyCommit(context, entry.path) !== undefined;
}

function keepingOr(
  dir: string,
  key: ImageKey,
  unknown: { readonly importTime: number; readonly source: string } | undefined,
): Keeping {
  const kept = readKeepingIfSound(dir, key);
  if (kept !== undefined) return kept;
  if (unknown === undefined) {
    throw new GantryError(
      'STORE_DAMAGED',
      `cannot keep image ${key}: nothing says how it was accepted`,
      { hint: 'fetch it again' },
    );
  }

  const { importTime, source } = unknown;
  return { accepted: { how: 'insecure', time: importTime, source }, latest: false };
}
