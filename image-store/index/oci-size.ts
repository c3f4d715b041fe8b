import type { OciLayer } from './image-record.ts';

/** Bytes of all blobs of an OCI image, each once. @param documents bytes of its manifest and configuration */
export function ociSize(layers: readonly OciLayer[], documents: number): number {
  const sizes = new Map(layers.map(({ digest, size }) => [digest, size]));

  return [...sizes.values()].reduce((sum, size) => sum + size, documents);
}
