// The media types of the OCI image specification (media-types.md) and of Docker's
// image manifest version 2, schema 2; each pair means the same.

/** Lists of manifests for several platforms. */
export const INDEX_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);

export const OCI_MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const DOCKER_MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';

/** Manifests of one image. */
export const MANIFEST_TYPES: ReadonlySet<string> = new Set([
  OCI_MANIFEST_TYPE,
  DOCKER_MANIFEST_TYPE,
]);

/** Docker's first form, which has neither digests of its layers' contents nor a configuration. */
export const SCHEMA_1_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]);

export const DOCKER_CONFIG_TYPE = 'application/vnd.docker.container.image.v1+json';

/** Configurations of images that can be run. */
export const CONFIG_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  DOCKER_CONFIG_TYPE,
]);

export const DOCKER_LAYER_TYPE = 'application/vnd.docker.image.rootfs.diff.tar';

const TAR_LAYER =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+(?:gzip|zstd))?|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.gzip|\.zstd)?)$/;

/** Whether a layer of this type is a tar archive, packed or not. */
export function isTarLayer(mediaType: string): boolean {
  return TAR_LAYER.test(mediaType);
}

/** Whether a layer of this type is not to be handed on: "non-distributable", or "foreign" as Docker calls it. */
export function isForeignLayer(mediaType: string): boolean {
  return /\.(?:nondistributable|foreign)\./.test(mediaType);
}
