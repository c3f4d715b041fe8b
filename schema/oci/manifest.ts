import * as v from 'valibot';
import { decodeJson, type DecodeOptions } from '#base/decode/decode';
import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import { type Descriptor, descriptor, maybe, textMap } from './descriptor.ts';
import {
  CONFIG_TYPES,
  INDEX_TYPES,
  isTarLayer,
  MANIFEST_TYPES,
  SCHEMA_1_TYPES,
} from './media-types.ts';

/** One image: its configuration and its layers, lowest first (OCI image specification, manifest.md). */
export interface OciManifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** Images for several platforms, or several images (OCI image specification, image-index.md). */
export interface OciIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

/** So many bytes a manifest, an index or a configuration may have: what registries must take at least. */
export const MAX_MANIFEST_BYTES: number = 4 * 1024 * 1024;

/** More layers than an overlay of this kernel may have (OVL_MAX_STACK, fs/overlayfs). */
const MAX_LAYERS = 500;

const CODE = 'IMAGE_MANIFEST_INVALID';

const head = {
  schemaVersion: v.literal(2, 'must be 2'),
  mediaType: maybe(v.string('must be text')),
  annotations: maybe(textMap),
};

const manifestSchema = v.object({
  ...head,
  config: descriptor,
  layers: v.pipe(
    v.array(descriptor),
    v.maxLength(MAX_LAYERS, `must not have more than ${MAX_LAYERS} items`),
  ),
});

const indexSchema = v.object({ ...head, manifests: v.array(descriptor) });

/** What only tells which kind of document it is. */
const kindSchema = v.looseObject({
  schemaVersion: v.optional(v.unknown()),
  mediaType: maybe(v.string('must be text')),
});

/** Where a manifest came from. */
export interface ManifestOrigin {
  /** As errors name it. */
  readonly what: string;
  /** What the descriptor or the server says that it is. */
  readonly mediaType: string;
}

/**
 * Reads a manifest or an index. What it says of its own type has to be what its
 * descriptor or its server says, and it must not be both: two programs could
 * take it for two images (CVE-2021-41190).
 * @throws GantryError IMAGE_MANIFEST_INVALID, IMAGE_MANIFEST_UNSUPPORTED
 */
export function parseOciManifest(text: string, origin: ManifestOrigin): OciManifest | OciIndex {
  const { what, mediaType } = origin;
  const options: DecodeOptions = { what, code: CODE };
  const document = decodeJson(kindSchema, text, options);
  demandKnownType(document, origin);

  if (INDEX_TYPES.has(mediaType)) {
    refuseFields(document, { names: ['config', 'layers'], what });
    const { manifests } = decodeJson(indexSchema, text, options);
    return { kind: 'index', mediaType, manifests };
  }

  refuseFields(document, { names: ['manifests', 'fsLayers', 'history'], what });
  const { config, layers } = decodeJson(manifestSchema, text, options);
  demandImage({ config, layers }, what);
  return { kind: 'manifest', mediaType, config, layers };
}

function demandKnownType(
  document: { readonly schemaVersion?: unknown; readonly mediaType?: string | undefined },
  { what, mediaType }: ManifestOrigin,
): void {
  if (SCHEMA_1_TYPES.has(mediaType) || document.schemaVersion === 1) {
    throw unsupported(
      what,
      'it is of Docker\u2019s schema 1, which has no digests of its contents',
      {
        hint: 'push the image again with a program of this decade, skopeo or podman say',
      },
    );
  }
  if (!INDEX_TYPES.has(mediaType) && !MANIFEST_TYPES.has(mediaType)) {
    throw unsupported(what, `it is of the type ${quoted(mediaType)}, no manifest of an image`);
  }
  if (document.mediaType === undefined || document.mediaType === mediaType) return;

  throw new GantryError(
    CODE,
    `cannot read ${what}: it says that it is ${quoted(document.mediaType)}, but was handed out as ${quoted(mediaType)}`,
  );
}

function refuseFields(
  document: object,
  { names, what }: { readonly names: readonly string[]; readonly what: string },
): void {
  const found = names.find((name) => Object.hasOwn(document, name));
  if (found === undefined) return;

  throw new GantryError(CODE, `cannot read ${what}: ${found}: has no place in it`);
}

function demandImage(
  { config, layers }: Pick<OciManifest, 'config' | 'layers'>,
  what: string,
): void {
  if (!CONFIG_TYPES.has(config.mediaType)) {
    throw unsupported(
      what,
      `its configuration is of the type ${quoted(config.mediaType)}, no image that can be run`,
    );
  }
  const other = layers.find(({ mediaType }) => !isTarLayer(mediaType));
  if (other === undefined) return;

  throw unsupported(what, `it has a layer of the type ${quoted(other.mediaType)}`, {
    hint: 'layers are tar archives, plain or packed with gzip or zstd, and not encrypted',
  });
}

function unsupported(
  what: string,
  state: string,
  { hint }: { readonly hint?: string } = {},
): GantryError {
  return new GantryError('IMAGE_MANIFEST_UNSUPPORTED', `cannot use ${what}: ${state}`, { hint });
}
