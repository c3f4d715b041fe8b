import { readFileSync } from 'node:fs';
import { file, type ImageServer } from '../doubles/image-server.ts';
import type { TestLayout, WrittenImage } from './oci-layout.ts';

/** Where an image is served, and what of it is not. */
export interface ServedPlace {
  /** `HOST/v2/NAME`, or `/v2/NAME` for every host. */
  readonly place: string;
  /** Digests, or the tag, which is `1`. */
  readonly without?: readonly string[];
}

/** Serves an image of a layout as a registry does that lets everybody in. */
export function serveImage(
  server: ImageServer,
  image: { readonly layout: TestLayout; readonly written: WrittenImage },
  { place, without = [] }: ServedPlace,
): void {
  const { descriptor, manifest } = image.written;
  const read = (digest: string): Buffer => readFileSync(image.layout.blobPath(digest));
  const headers = { 'content-type': descriptor.mediaType };
  for (const tag of ['1', descriptor.digest]) {
    if (without.includes(tag)) continue;
    server.on(`${place}/manifests/${tag}`, file(read(descriptor.digest), { headers }));
  }
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    if (!without.includes(digest)) server.on(`${place}/blobs/${digest}`, file(read(digest)));
  }
}
