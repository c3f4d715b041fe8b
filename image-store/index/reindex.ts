import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { parseImageManifest } from '#schema/image/image-manifest';
import { type ImageKey, parseImageKey } from '#schema/types/image-hash';
import { applyCommit } from '../blobs/apply-commit.ts';
import { INCOMING_PURPOSE, writeDecision } from '../blobs/incoming.ts';
import { makeTempEntry } from '../blobs/temp-entry.ts';
import type { StoreContext } from '../format/context.ts';
import {
  ACCEPTANCE_ENDING,
  blobPath,
  blobsDir,
  manifestPath,
  ociBlobPath,
} from '../format/layout.ts';
import { type Keeping, readKeepingIfSound } from './acceptance.ts';
import { ociSize } from './oci-size.ts';
import { readFolders, readNames } from './records.ts';
import type { StoredRecord } from './stored-record.ts';

/** What to write down of an image about which nothing is kept. */
export interface IndexDefaults {
  /** Where it came from, in words; it counts as accepted insecurely. Without it, such an image is refused. */
  readonly source?: string | undefined;
  /** The manifest's text, read from the blob; the copy in the store unless given. */
  readonly manifestText?: string | undefined;
}

/** Keys of all blobs, indexed or not. */
export function listBlobs(dir: string): readonly ImageKey[] {
  const files = (algorithm: 'sha512' | 'sha256'): readonly string[] =>
    readFolders(blobsDir(dir, algorithm)).flatMap((shard) =>
      readNames(join(blobsDir(dir, algorithm), shard)),
    );
  const oci = new Set(files('sha256'));

  return [
    ...files('sha512').filter((name) => /^sha512-[0-9a-f]{64}$/.test(name)),
    // Of the others, the configurations: layers and manifests were accepted with them.
    ...[...oci].filter((name) => oci.has(`${name}${ACCEPTANCE_ENDING}`)),
  ].map(parseImageKey);
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
  const keeping = keepingOr(dir, key, source === undefined ? undefined : { importTime, source });
  using entry = makeTempEntry(kernel, dir, INCOMING_PURPOSE);
  const text = manifestText ?? readFileSync(manifestPath(dir, key), 'utf8');
  const { name, labels = [] } = parseImageManifest(text);
  const record = { key, name, labels, importTime, ...ociPart(dir, size, keeping) };
  writeDecision(entry.path, { record, keeping, manifestText: text });
  return applyCommit(context, entry.path) !== undefined;
}

/** What the record of an OCI image has beyond that of an ACI. */
function ociPart(
  dir: string,
  configSize: number,
  { origin }: Keeping,
): Pick<StoredRecord, 'size' | 'oci'> {
  if (origin === undefined) return { size: configSize };
  const { manifest, layers } = origin;
  const manifestSize = statSync(ociBlobPath(dir, manifest)).size;

  return { size: ociSize(layers, configSize + manifestSize), oci: { manifest, layers } };
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
