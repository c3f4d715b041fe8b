import { readSync, writeSync } from 'node:fs';
import type { Fd, Kernel } from '#base/kernel/kernel';
import { DIGEST_SIZE } from '../archive/digest-contents.ts';
import { extractLayers } from '../archive/extract.ts';
import type { ExtractionDone, ExtractionRequest } from './extraction-protocol.ts';
import { createListingBuilder } from './listing.ts';
import { createTreeHasher } from './tree-hash.ts';
import { walkTree } from './walk.ts';

/** What the extracting process does its work with. */
export interface ExtractionJob {
  readonly kernel: Kernel;
  readonly request: ExtractionRequest;
  /** Waits until the digests of the archives' files are all written. */
  readonly waitForDigests: () => void;
}

/**
 * What the extracting process does once it has chrooted: places the images and,
 * when asked for, lists and hashes what then lies there, and sees it to disk.
 * @throws GantryError and errors of the system
 */
export function runExtraction({ kernel, request, waitForDigests }: ExtractionJob): ExtractionDone {
  const { contents, entries, bytes, directories } = extractLayers(kernel, request, request.limits);
  if (request.record === undefined) return { entries, bytes };

  const { listingFd, digestsFd } = request.record;
  waitForDigests();
  const known = (path: string): Buffer | undefined => readDigest(digestsFd, contents.get(path));
  const listing = createListingBuilder();
  const hasher = createTreeHasher({ kernel, root: '/', known });
  for (const entry of walkTree(kernel, '/')) {
    listing.add(entry.path, entry.record);
    hasher.add(entry);
  }
  writeAll(listingFd, listing.encode());
  kernel.syncFs(listingFd);

  return { entries, bytes, directories, hash: hasher.digest() };
}

/** @returns undefined for a file that no archive holds */
function readDigest(fd: Fd, index: number | undefined): Buffer | undefined {
  if (index === undefined) return undefined;

  const digest = Buffer.alloc(DIGEST_SIZE);
  const got = readSync(fd, digest, 0, DIGEST_SIZE, index * DIGEST_SIZE);
  if (got !== DIGEST_SIZE) throw new Error(`no digest of file ${index}`);
  return digest;
}

function writeAll(fd: Fd, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
