import { writeSync } from 'node:fs';
import type { Kernel } from '#base/kernel/kernel';
import { extractLayers } from '../archive/extract.ts';
import type { ExtractionDone, ExtractionRequest } from './extraction-protocol.ts';
import { createListingBuilder } from './listing.ts';
import { createTreeHasher } from './tree-hash.ts';
import { walkTree } from './walk.ts';

/**
 * What the extracting process does once it has chrooted: places the images and,
 * when asked for, lists and hashes what then lies there.
 * @throws GantryError and errors of the system
 */
export function runExtraction(kernel: Kernel, request: ExtractionRequest): ExtractionDone {
  const { digests, entries, bytes } = extractLayers(kernel, request.layers, request.limits);
  if (request.listingFd === undefined) return { entries, bytes };

  const listing = createListingBuilder();
  const hasher = createTreeHasher({ kernel, root: '/', known: digests });
  for (const entry of walkTree(kernel, '/')) {
    listing.add(entry.path, entry.record);
    hasher.add(entry);
  }
  writeAll(request.listingFd, listing.encode());

  return { entries, bytes, hash: hasher.digest() };
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
