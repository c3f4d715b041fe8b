import type { Exec } from '#base/exec/exec';
import type { Kernel } from '#base/kernel/kernel';
import type { Log } from '#base/log/log';
import type { ImageKey } from '#schema/types/image-hash';
import type { AcIdentifier } from '#schema/types/names';
import type { ArchiveLimits } from '../archive/limits.ts';
import type { Reference } from '../reference/reference.ts';
import type { LoginSources } from '../registry/logins.ts';
import type { ImageStore } from '../store.ts';
import type { KeyReview } from '../trust/key-review.ts';
import type { Trust } from '../trust/trust-types.ts';
import type { HttpOptions } from './http-options.ts';

/**
 * `never`: the store only; `new`: the store first; `update`: the server, which
 * is asked whether the image has changed. Files on this machine are read
 * whatever the policy, as rkt does.
 */
export type PullPolicy = 'never' | 'new' | 'update';

/** The words of `--insecure-options` that concern fetching (fact sheet 1.2). */
export interface InsecureFetch {
  /** No signature is asked for. */
  readonly image: boolean;
  /** Certificates of servers are not checked. */
  readonly tls: boolean;
  /** Plain HTTP is spoken with servers, credentials included. */
  readonly http: boolean;
  /** Keys are taken over insecure transport. */
  readonly pubkey: boolean;
}

/** One image to bring into the store. */
export interface FetchRequest {
  readonly reference: Reference;
  readonly pullPolicy: PullPolicy;
  readonly insecure: InsecureFetch;
  /** A signature file of this image, in place of the one beside it; not for its dependencies. */
  readonly signature?: string | undefined;
  /** Whether its dependencies are fetched too; so unless told. */
  readonly withDependencies?: boolean | undefined;
  /** The caller vouches for this file: no signature is asked for and nothing is warned of. Not for its dependencies. */
  readonly acceptAs?: 'builtin' | undefined;
}

/** What fetching works with. */
export interface FetchContext {
  readonly store: ImageStore;
  readonly trust: Trust;
  readonly kernel: Kernel;
  readonly exec: Exec;
  readonly log: Log;
  readonly http?: HttpOptions | undefined;
  readonly limits?: FetchLimits | undefined;
  /** Asks whether keys that were found at the image's own site shall be trusted; without it none is. */
  readonly acceptKey?: ((question: KeyQuestion) => Promise<boolean>) | undefined;
  /** Trusts keys found over HTTPS without asking (`--trust-keys-from-https`). */
  readonly trustKeysFromHttps?: boolean | undefined;
  /** Folders of configuration, lowest first: what images are accepted, and what registries are like; none accepts any. */
  readonly configDirs?: readonly string[] | undefined;
  /** Where it is said who one is for registries; without it nowhere. */
  readonly logins?: (() => Promise<LoginSources>) | undefined;
  /** Ends everything that is under way. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds since 1970; the system's clock unless told. */
  readonly clock?: (() => number) | undefined;
}

/** Bounds on what is taken from others. */
export interface FetchLimits {
  /** Bytes of one image as it is sent; 20 GiB unless told. */
  readonly maxImageBytes?: number | undefined;
  /** On its archive, unpacked; the store's own unless told. */
  readonly archive?: Partial<ArchiveLimits> | undefined;
  /** Dependencies of one image, indirect ones included; 256 unless told. */
  readonly maxDependencies?: number | undefined;
  /** Downloads at the same time; 4 unless told. */
  readonly parallel?: number | undefined;
}

/** A key file that was found by discovery. */
export interface FoundKeys {
  /** What the keys would be trusted for. */
  readonly prefix: AcIdentifier;
  readonly url: string;
  /** The file itself, armored or binary. */
  readonly data: Uint8Array;
}

/** Keys of one file that was found by discovery, for review: those that can be trusted, at least one. */
export interface KeyQuestion extends Pick<FoundKeys, 'prefix' | 'url'> {
  readonly keys: readonly KeyReview[];
}

export interface FetchOutcome {
  readonly key: ImageKey;
  /** Whether an archive was brought in, rather than found in the store or unchanged on the server. */
  readonly fetched: boolean;
  /** All images it depends on, each once, nearest first. */
  readonly dependencies: readonly ImageKey[];
}
