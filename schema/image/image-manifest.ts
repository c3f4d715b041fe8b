import { decodeJson, decodeValue } from '#base/decode/decode';
import { type App, app } from '../pod/app.ts';
import type { Decoder } from '../types/decoder.ts';
import { objectOf } from '../types/fields.ts';
import { type Header, headerFields } from '../types/header.ts';
import type { ImageId } from '../types/image-hash.ts';
import type { Labels } from '../types/labels.ts';
import { listOf } from '../types/lists.ts';
import { type Annotations, annotations, labels } from '../types/name-values.ts';
import type { AcIdentifier } from '../types/names.ts';
import { absolutePath, acIdentifier, imageId, integer } from '../types/scalars.ts';

export type { App } from '../pod/app.ts';
export type { Annotations } from '../types/name-values.ts';

/** An image whose files come below those of the image that names it. */
export interface Dependency {
  readonly imageName: AcIdentifier;
  readonly imageID?: ImageId | undefined;
  readonly labels?: Labels | undefined;
  /** Of the archive as it is fetched, in bytes. */
  readonly size?: number | undefined;
}

/** What an image says about itself (appc, Image Manifest Schema). Absent fields mean the specification's defaults. */
export interface ImageManifest extends Header<'ImageManifest'> {
  readonly name: AcIdentifier;
  readonly labels?: Labels | undefined;
  readonly app?: App | undefined;
  /** Rendered in this order, later over earlier. */
  readonly dependencies?: readonly Dependency[] | undefined;
  /** Absolute paths; everything when absent or empty. */
  readonly pathWhitelist?: readonly string[] | undefined;
  readonly annotations?: Annotations | undefined;
}

const DECODE = { what: 'image manifest', code: 'IMAGE_MANIFEST_INVALID' } as const;

const ENCODE = { ...DECODE, what: 'the image manifest to be written' } as const;

/**
 * Reads an image manifest. Fields that are not known are kept, so that writing it again
 * loses nothing; numbers among them are as exact as JavaScript's.
 * @throws GantryError IMAGE_MANIFEST_INVALID; the message names the place in the document
 */
export function parseImageManifest(json: string): ImageManifest {
  return decodeJson(imageManifest, json, DECODE);
}

/**
 * Writes an image manifest, indented by tabs when `pretty`.
 * @throws GantryError IMAGE_MANIFEST_INVALID when it would not be read again
 */
export function formatImageManifest(
  manifest: ImageManifest,
  { pretty = false }: { readonly pretty?: boolean } = {},
): string {
  const checked = decodeValue(imageManifest, manifest, ENCODE);

  return JSON.stringify(checked, undefined, pretty ? '\t' : undefined);
}

const dependency: Decoder<Dependency> = objectOf<Dependency>({
  fields: {
    imageName: acIdentifier,
    imageID: imageId,
    labels,
    size: integer(0, Number.MAX_SAFE_INTEGER),
  },
  required: { imageName: true },
});

const imageManifest: Decoder<ImageManifest> = objectOf<ImageManifest>({
  fields: {
    ...headerFields('ImageManifest'),
    name: acIdentifier,
    labels,
    app,
    dependencies: listOf(dependency),
    pathWhitelist: listOf(absolutePath),
    annotations,
  },
  required: { acKind: true, acVersion: true, name: true },
  decisive: ['acKind', 'acVersion'],
});
