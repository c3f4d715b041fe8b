import { below } from '#base/fs/below';

import { shortSha512 } from '#base/hash/short-hash';
import { type DigestAlgorithm, digestAlgorithm, type OciDigest } from '#schema/oci/digest';
import type { ImageKey } from '#schema/types/image-hash';

// Every path in the store (`DATA/cas`), relative names as rkt has them where
// rkt has one (fact sheet 2.1). `dir` is the store's own folder.

/** Number of the on-disk format, decimal and a newline. */
export const versionPath = (dir: string): string => below(dir, 'version');
/** Blobs by algorithm and, below that, the first two digits: uncompressed ACIs, and of OCI images manifests, configurations and layers as they came. */
export const blobsDir = (dir: string, algorithm: DigestAlgorithm): string =>
  below(dir, 'blob', algorithm);
/** The blob that an image is known by: its uncompressed ACI, or its OCI configuration. */
export const blobPath = (dir: string, key: ImageKey): string =>
  below(blobsDir(dir, algorithmOf(key)), shard(key), key);
/** Any blob of an OCI image but the configuration; a sha512 has all its 128 digits, that of an ACI only 64. */
export const ociBlobPath = (dir: string, digest: OciDigest): string => {
  const name = ociBlobName(digest);
  return below(blobsDir(dir, digestAlgorithm(digest)), shard(name), name);
};
/** The name of such a blob, and of the lock that keeps it. */
export const ociBlobName = (digest: OciDigest): string => digest.replace(':', '-');
/** How the image was accepted and whether it was the latest, JSON; beside the blob, so that it outlives the index. */
export const acceptancePath = (dir: string, key: ImageKey): string =>
  `${blobPath(dir, key)}${ACCEPTANCE_ENDING}`;
/** Copies of the manifests in ACIs, and what tells of OCI images in their place. */
export const manifestsDir = (dir: string, algorithm: DigestAlgorithm): string =>
  below(dir, 'imageManifest', algorithm);
export const manifestPath = (dir: string, key: ImageKey): string =>
  below(manifestsDir(dir, algorithmOf(key)), shard(key), key);
/** All that can be made again from the blobs, and the records of downloads. */
export const indexDir = (dir: string): string => below(dir, 'index');
/** One record an image; an image is in the store when its record is there. */
export const recordsDir = (dir: string): string => below(indexDir(dir), 'image');
export const recordPath = (dir: string, key: ImageKey): string =>
  below(recordsDir(dir), `${key}${RECORD_ENDING}`);
/** One folder a name, with one empty file an image of that name. */
export const namesDir = (dir: string): string => below(indexDir(dir), 'name');
export const nameDir = (dir: string, name: string): string =>
  below(namesDir(dir), fileNameOf(name));
export const nameMarkerPath = (dir: string, name: string, key: ImageKey): string =>
  below(nameDir(dir, name), key);
/** When images were last used: decimal milliseconds since 1970. */
export const lastUsesDir = (dir: string): string => below(indexDir(dir), 'used');
export const lastUsePath = (dir: string, key: ImageKey): string => below(lastUsesDir(dir), key);
/** Bytes of the rendered tree of an image, decimal. */
export const treeSizesDir = (dir: string): string => below(indexDir(dir), 'tree-size');
export const treeSizePath = (dir: string, key: ImageKey): string => below(treeSizesDir(dir), key);
/** Records of downloads by URL. */
export const remotesDir = (dir: string): string => below(indexDir(dir), 'remote');
export const remotePath = (dir: string, url: string): string =>
  below(remotesDir(dir), `${remoteFileName(url)}${RECORD_ENDING}`);
/** Lock files by image key. */
export const imageLocksDir = (dir: string): string => below(dir, 'imagelocks');
/** Unfinished work; entries hold a lock while somebody works on them. */
export const tempDir = (dir: string): string => below(dir, 'tmp');
/** Copies of the index from before migrations. */
export const backupsDir = (dir: string): string => below(dir, 'backups');

/** Characters of an image name that are used in a file name, which may have 255. */
const MAX_NAME = 200;

/** How the names of acceptance records end, behind the key. */
export const ACCEPTANCE_ENDING = '.accepted';
/** How the names of index records end. */
export const RECORD_ENDING = '.json';

/** The algorithms of keys. */
export const ALGORITHMS: readonly DigestAlgorithm[] = ['sha512', 'sha256'];

/** Every folder that a store has from the start, parents before children. */
export function storeDirs(dir: string): readonly string[] {
  return [
    below(dir, 'blob'),
    ...ALGORITHMS.map((algorithm) => blobsDir(dir, algorithm)),
    below(dir, 'imageManifest'),
    ...ALGORITHMS.map((algorithm) => manifestsDir(dir, algorithm)),
    indexDir(dir),
    recordsDir(dir),
    namesDir(dir),
    lastUsesDir(dir),
    treeSizesDir(dir),
    remotesDir(dir),
    imageLocksDir(dir),
    tempDir(dir),
  ];
}

/** @param name `sha512-` or `sha256-` and digits */
function shard(name: string): string {
  return name.slice('sha512-'.length, 'sha512-'.length + 2);
}

function algorithmOf(key: ImageKey): DigestAlgorithm {
  return key.startsWith('sha256-') ? 'sha256' : 'sha512';
}

/** A URL as a file name; a long one, cut, ends in `++` and a hash, and no encoded URL holds a `+`. */
function remoteFileName(url: string): string {
  const flat = encodeURIComponent(url);

  return flat.length <= MAX_NAME
    ? flat
    : `${flat.slice(0, MAX_NAME - 40)}++${shortSha512(url).slice(0, 32)}`;
}

/**
 * An image name as a file name. No identifier holds a `+`, or two separators in
 * a row, so that different names give different file names.
 */
function fileNameOf(name: string): string {
  const flat = name.replaceAll('/', '+');

  return flat.length <= MAX_NAME
    ? flat
    : `${flat.slice(0, MAX_NAME)}++${shortSha512(name).slice(0, 32)}`;
}
