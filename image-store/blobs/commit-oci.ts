import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { writeFileAtomic } from '#base/fs/atomic';
import type { StoreContext } from '../format/context.ts';
import { STORE_FILE_MODE } from '../format/permissions.ts';
import type { Keeping } from '../index/acceptance.ts';
import type { ImageRecord, OciOrigin } from '../index/image-record.ts';
import type { OciDocuments, ToldImage } from '../index/oci-image.ts';
import { applyCommit } from './apply-commit.ts';
import { INCOMING, INCOMING_PURPOSE, writeDecision } from './incoming.ts';
import { makeTempEntry } from './temp-entry.ts';

/** An OCI image all layers of which are there. */
export interface ArrivedImage {
  readonly documents: OciDocuments;
  readonly told: ToldImage;
  /** `origin` among it. */
  readonly keeping: Keeping & { readonly origin: OciOrigin };
}

/**
 * Makes an OCI image visible whose layers are there; the caller holds its blobs.
 * @throws GantryError STORE_FULL, STORE_NO_PERMISSION, IMAGE_NOT_FOUND when a layer is gone
 */
export function commitOciImage(
  context: StoreContext,
  { documents, told, keeping }: ArrivedImage,
): ImageRecord {
  using entry = makeTempEntry(context.kernel, context.dir, INCOMING_PURPOSE);
  const importTime = context.clock();
  const write = (name: string, bytes: Buffer): void =>
    writeFileAtomic(join(entry.path, name), bytes, { mode: STORE_FILE_MODE });
  write(INCOMING.blob, documents.config);
  write(INCOMING.ociManifest, documents.manifest);
  utimesSync(join(entry.path, INCOMING.blob), importTime / 1000, importTime / 1000);

  const { record, manifestText } = told;
  writeDecision(entry.path, { record: { ...record, importTime }, keeping, manifestText });
  const committed = applyCommit(context, entry.path);
  if (committed !== undefined) return committed;

  throw new GantryError(
    'IMAGE_NOT_FOUND',
    `cannot keep image "${keeping.origin.reference}": a layer of it is gone`,
    { hint: 'fetch it again' },
  );
}
