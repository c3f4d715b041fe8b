import type { ArchiveLimits } from '../archive/limits.ts';
import type { DirectoryLook, LayerDirectories } from '../archive/directory-look.ts';
import type { Layer } from '../archive/extract.ts';

/** What the worker process is asked for, one line of JSON on its standard input. */
export type WorkerRequest = ExtractionRequest | LayerRequest | MountedRequest | StackedRequest;

/** To extract archives; standard input ends when all digests are in their file. */
export interface ExtractionRequest {
  readonly kind: 'extract';
  /** The empty directory that becomes the process's root. */
  readonly root: string;
  /** Lowest first; descriptors as the process sees them. */
  readonly layers: readonly Layer[];
  /** What is made beside them: directories, each below one before it. */
  readonly directories?: readonly DirectoryLook[] | undefined;
  readonly limits: ArchiveLimits;
  /** What makes it a tree that can be checked later; undefined for an extraction for somebody's own use. */
  readonly record?: RecordRequest | undefined;
}

/** To extract the archive of one layer of an OCI image, which follows the request on standard input. */
export interface LayerRequest {
  readonly kind: 'layer';
  /** The empty directory that becomes the process's root. */
  readonly root: string;
  readonly limits: ArchiveLimits;
  /** Gets the listing of what was placed; a descriptor as the process sees it. */
  readonly listingFd: number;
}

/** To look into a packed tree, mounted in a mount namespace of the process's own. */
export interface MountedRequest {
  readonly kind: 'mounted';
  readonly image: string;
  /** A directory to mount it on. */
  readonly mountpoint: string;
  /** Where everything is copied to; undefined to compute the whole-tree hash. */
  readonly copyTo?: string | undefined;
}

/** To copy what several trees look like one over the other, mounted in a mount namespace of the process's own. */
export interface StackedRequest {
  readonly kind: 'stacked';
  /** Root file systems, the top one first. */
  readonly lowers: readonly string[];
  /** A directory to mount them on. */
  readonly mountpoint: string;
  readonly copyTo: string;
}

/** Descriptors as the process sees them. */
export interface RecordRequest {
  /** Gets the listing of what was placed. */
  readonly listingFd: number;
  /** Holds the digests of the archives' files, written meanwhile by the process that asks. */
  readonly digestsFd: number;
}

/** What was placed. */
export interface ExtractionDone {
  readonly entries: number;
  readonly bytes: number;
  /** The whole-tree hash, when a record was asked for. */
  readonly hash?: string | undefined;
  /** Of the layer of an OCI image. */
  readonly directories?: LayerDirectories | undefined;
}

/** Why nothing can be used of what was done. */
export interface WorkerFailure {
  /** Of a GantryError. */
  readonly code?: string | undefined;
  /** Of a failed system call. */
  readonly errno?: string | undefined;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** The one line of JSON that the process ends with. */
export type WorkerAnswer =
  | { readonly done: Partial<ExtractionDone> }
  | { readonly failed: WorkerFailure };
