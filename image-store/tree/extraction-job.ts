import { readSync, writeSync } from 'node:fs';
import type { Fd, Kernel } from '#base/kernel/kernel';
import type { ByteSource } from '../archive/byte-source.ts';
import { DIGEST_SIZE } from '../archive/digest-contents.ts';
import { digesting } from '../archive/digesting-reader.ts';
import { extractLayerFrom, extractLayers } from '../archive/extract.ts';
import { readLayer } from '../archive/tar-reader.ts';
import type { ExtractionDone, ExtractionRequest, LayerRequest } from './extraction-protocol.ts';
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
  const { contents, entries, bytes } = extractLayers(kernel, request, request.limits);
  if (request.record === undefined) return { entries, bytes };

  const { listingFd, digestsFd } = request.record;
  waitForDigests();
  const known = (path: string): Buffer | undefined => readDigest(digestsFd, contents.get(path));
  const hash = recordTree(kernel, listingFd, known);

  return { entries, bytes, hash };
}

/** What the extracting process works with when a layer is sent to it. */
export interface LayerJob {
  readonly kernel: Kernel;
  readonly request: LayerRequest;
  /** The layer's archive. */
  readonly source: ByteSource;
}

/**
 * As `runExtraction`, of a layer that comes while it is extracted.
 * @throws GantryError and errors of the system
 */
export function runLayer({ kernel, request, source }: LayerJob): ExtractionDone {
  const reader = digesting(readLayer(source));
  const { contents, ...done } = extractLayerFrom(kernel, reader, request.limits);
  const known = (path: string): Buffer | undefined => {
    const index = contents.get(path);
    return index === undefined ? undefined : reader.digestOf(index);
  };

  return { ...done, hash: recordTree(kernel, request.listingFd, known) };
}

/** Lists what lies below the root, and sees it to disk. @returns the whole-tree hash */
function recordTree(
  kernel: Kernel,
  listingFd: Fd,
  known: (path: string) => Buffer | undefined,
): string {
  const listing = createListingBuilder();
  const hasher = createTreeHasher({ kernel, root: '/', known });
  for (const entry of walkTree(kernel, '/')) {
    listing.add(entry.path, entry.record);
    hasher.add(entry);
  }
  for (const piece of listing.encode()) writeAll(listingFd, piece);
  kernel.syncFs(listingFd);

  return hasher.digest();
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
