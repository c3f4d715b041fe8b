import { readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { formatImageManifest } from '#schema/image/image-manifest';
import { type OciConfig, parseOciConfig } from '#schema/oci/config';
import { digestAlgorithm, type OciDigest } from '#schema/oci/digest';
import { digestOfBytes } from '#schema/oci/digest-bytes';
import { type OciManifest, parseOciManifest } from '#schema/oci/manifest';
import { ociToAppc } from '#schema/oci/to-appc';
import { type ImageKey, imageKeyOfDigest } from '#schema/types/image-hash';
import { corruptImage } from '../archive/archive-error.ts';
import { blobPath, ociBlobPath } from '../format/layout.ts';
import type { OciLayer, OciOrigin, OciParts } from './image-record.ts';
import { ociSize } from './oci-size.ts';
import type { StoredRecord } from './stored-record.ts';

/** All that is written down of an OCI image, but when it was imported. */
export interface ToldImage {
  readonly record: Omit<StoredRecord, 'importTime' | 'oci'> & { readonly oci: OciParts };
  /** The appc manifest that tells how it is run. */
  readonly manifestText: string;
  /** What of the configuration is left out, for the user. */
  readonly warnings: readonly string[];
}

/** Where an OCI image came from, before it is known what it is made of. */
export type OciCalled = Omit<OciOrigin, 'layers'>;

/** The documents of an OCI image, as they came. */
export interface OciDocuments {
  readonly manifest: Buffer;
  readonly config: Buffer;
}

/**
 * Tells what is to be written down of an OCI image.
 * @throws GantryError IMAGE_MANIFEST_INVALID, IMAGE_MANIFEST_UNSUPPORTED, IMAGE_CONFIG_INVALID, IMAGE_FOREIGN
 */
export function tellOciImage(documents: OciDocuments, origin: OciCalled): ToldImage {
  const { manifest, config } = readDocuments(documents, origin);
  const layers = layersOf(manifest, config, origin.reference);
  const digest = manifest.config.digest;
  const { manifest: told, warnings } = ociToAppc(config, origin, digest);
  const { name, labels = [] } = told;

  return {
    record: {
      key: imageKeyOfDigest(digest),
      name,
      labels,
      size: ociSize(layers, documents.manifest.length + documents.config.length),
      oci: { manifest: origin.manifest, layers },
    },
    manifestText: formatImageManifest(told),
    warnings,
  };
}

function readDocuments(
  documents: OciDocuments,
  { reference, mediaType }: OciCalled,
): { readonly manifest: OciManifest; readonly config: OciConfig } {
  const what = `manifest of image "${reference}"`;
  const manifest = parseOciManifest(documents.manifest.toString(), { what, mediaType });
  if (manifest.kind === 'index') throw new Error('an index is no image');

  return {
    manifest,
    config: parseOciConfig(documents.config.toString(), `configuration of image "${reference}"`),
  };
}

function layersOf(
  { layers }: OciManifest,
  { diffIds }: OciConfig,
  reference: string,
): readonly OciLayer[] {
  if (layers.length !== diffIds.length) {
    throw new GantryError(
      'IMAGE_MANIFEST_INVALID',
      `cannot use image "${reference}": its manifest has ${layers.length} layers, its configuration ${diffIds.length}`,
      { hint: 'its publisher has to build the image anew' },
    );
  }

  return layers.map(({ digest, size }, index) => ({
    digest,
    diffId: diffIds[index] as OciDigest,
    size,
  }));
}

/**
 * Tells the same of an image of the store, from its blobs.
 * @throws GantryError IMAGE_CORRUPT when its configuration is not what it was, STORE_DAMAGED; as `tellOciImage`
 */
export function readOciImage(dir: string, key: ImageKey, origin: OciOrigin): ToldImage {
  const documents = {
    manifest: readFileSync(ociBlobPath(dir, origin.manifest)),
    config: readFileSync(blobPath(dir, key)),
  };
  // First: what somebody has written there need not be a configuration.
  const algorithm = key.startsWith('sha256-') ? 'sha256' : 'sha512';
  const config = imageKeyOfDigest(digestOfBytes(documents.config, algorithm));
  if (config !== key) throw corruptImage(key, `its configuration now hashes to ${config}`);
  const told = tellOciImage(documents, origin);
  const found = digestOfBytes(documents.manifest, digestAlgorithm(origin.manifest));
  if (found !== origin.manifest || told.record.key !== key) {
    throw new GantryError('STORE_DAMAGED', `cannot keep image ${key}: its manifest is damaged`, {
      hint: 'fetch it again',
    });
  }

  return told;
}
