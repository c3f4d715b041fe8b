import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';

/** An image of a layout that a test writes. */
export interface LayoutImage {
  /** Uncompressed archives, lowest first. */
  readonly layers: readonly Buffer[];
  readonly packing?: 'gzip' | 'zstd' | 'plain';
  /** `config` of its configuration. */
  readonly config?: object;
  /** Changes its configuration before it is written. */
  readonly patchConfig?: (config: Record<string, unknown>) => void;
  /** Changes its manifest before it is written. */
  readonly patchManifest?: (manifest: TestManifest) => void;
  readonly algorithm?: 'sha256' | 'sha512';
}

export interface TestDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: { os: string; architecture: string };
}

export interface TestManifest {
  schemaVersion: number;
  mediaType: string;
  config: TestDescriptor;
  layers: TestDescriptor[];
}

/** The digests of a written image. */
export interface WrittenImage {
  readonly descriptor: TestDescriptor;
  readonly manifest: TestManifest;
  /** Of the layers' archives, unpacked. */
  readonly diffIds: readonly string[];
}

const OCI = 'application/vnd.oci.image';
export const INDEX_TYPE = `${OCI}.index.v1+json`;
export const MANIFEST_TYPE = `${OCI}.manifest.v1+json`;

/** What Go calls this machine. */
export const ARCHITECTURE: string = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? '';

/** An OCI layout in a directory, written by a test however wrong. */
export interface TestLayout {
  readonly dir: string;
  blobPath(digest: string): string;
  /** Writes a blob under its digest. */
  put(bytes: Buffer, mediaType: string, algorithm?: 'sha256' | 'sha512'): TestDescriptor;
  image(image: LayoutImage): WrittenImage;
  /** Writes `index.json`: images by their names. */
  index(entries: Readonly<Record<string, TestDescriptor>>): void;
}

/** Makes the folders of a layout. */
export function makeLayout(dir: string): TestLayout {
  mkdirSync(join(dir, 'blobs', 'sha256'), { recursive: true });
  mkdirSync(join(dir, 'blobs', 'sha512'));
  writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const blobPath = (digest: string): string => join(dir, 'blobs', digest.replace(':', '/'));
  const put: TestLayout['put'] = (bytes, mediaType, algorithm = 'sha256') => {
    const digest = digestText(bytes, algorithm);
    writeFileSync(blobPath(digest), bytes);
    return { mediaType, digest, size: bytes.length };
  };

  return {
    dir,
    blobPath,
    put,
    image: (image) => writeImage(put, image),
    index(entries) {
      const manifests = Object.entries(entries).map(([name, descriptor]) => ({
        ...descriptor,
        annotations: { 'org.opencontainers.image.ref.name': name },
      }));
      writeFileSync(join(dir, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    },
  };
}

function writeImage(put: TestLayout['put'], image: LayoutImage): WrittenImage {
  const { layers, packing = 'gzip', algorithm = 'sha256' } = image;
  const ending = packing === 'plain' ? '' : `+${packing}`;
  const described = layers.map((layer) =>
    put(pack(layer, packing), `${OCI}.layer.v1.tar${ending}`, algorithm),
  );
  const diffIds = layers.map((layer) => digestText(layer, algorithm));
  const config: Record<string, unknown> = {
    os: 'linux',
    architecture: ARCHITECTURE,
    config: image.config ?? {},
    rootfs: { type: 'layers', diff_ids: diffIds },
  };
  image.patchConfig?.(config);
  const manifest: TestManifest = {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: put(Buffer.from(JSON.stringify(config)), `${OCI}.config.v1+json`, algorithm),
    layers: described,
  };
  image.patchManifest?.(manifest);

  return {
    descriptor: put(Buffer.from(JSON.stringify(manifest)), manifest.mediaType, algorithm),
    manifest,
    diffIds,
  };
}

function pack(layer: Buffer, packing: 'gzip' | 'zstd' | 'plain'): Buffer {
  if (packing === 'plain') return layer;

  return packing === 'gzip' ? gzipSync(layer, { level: 1 }) : zstdCompressSync(layer);
}

/** `sha256:…` of bytes. */
export function digestText(bytes: Buffer, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}
