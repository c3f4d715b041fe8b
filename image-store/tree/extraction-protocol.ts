import type { ArchiveLimits } from '../archive/limits.ts';
import type { Layer } from '../archive/extract.ts';

/** What the extracting process is asked for, JSON on its standard input. */
export interface ExtractionRequest {
  /** The empty directory that becomes the process's root. */
  readonly root: string;
  /** Lowest first; descriptors as the process sees them. */
  readonly layers: readonly Layer[];
  readonly limits: ArchiveLimits;
  /** Descriptor that gets the listing of what was placed; undefined when nobody wants to check it later. */
  readonly listingFd?: number | undefined;
}

/** What was placed. */
export interface ExtractionDone {
  readonly entries: number;
  readonly bytes: number;
  /** The whole-tree hash, when a listing was asked for. */
  readonly hash?: string | undefined;
}

/** Why nothing can be used of what was placed. */
export interface ExtractionFailure {
  /** Of a GantryError. */
  readonly code?: string | undefined;
  /** Of a failed system call. */
  readonly errno?: string | undefined;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** The one line of JSON that the process ends with. */
export type ExtractionAnswer =
  | { readonly done: ExtractionDone }
  | { readonly failed: ExtractionFailure };
