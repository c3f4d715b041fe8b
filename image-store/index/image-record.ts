import type { ImageKey } from '#schema/types/image-hash';
import type { Labels } from '#schema/types/labels';
import type { AcIdentifier } from '#schema/types/names';

/** How an image came to be trusted; kept beside its blob for as long as the blob. */
export interface Acceptance {
  /** `builtin`: a stage1 image that came with the program. */
  readonly how: 'signed' | 'insecure' | 'builtin';
  /** Fingerprint of the primary key, 40 or 64 lower-case hex digits. */
  readonly fingerprint?: string | undefined;
  /** Fingerprint of what signed: the primary key or a subkey of it. */
  readonly signedBy?: string | undefined;
  /** The image name prefix that the key is trusted for; empty for every name. */
  readonly prefix?: string | undefined;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** URL or path that it came from, without credentials. */
  readonly source: string;
}

/** An image in the store. Times are milliseconds since 1970, sizes bytes. */
export interface ImageRecord {
  readonly key: ImageKey;
  readonly name: AcIdentifier;
  readonly labels: Labels;
  readonly importTime: number;
  readonly lastUsed: number;
  /** Of the blob. */
  readonly size: number;
  /** Of its rendered tree; 0 when there is none. */
  readonly treeSize: number;
  /** Whether it was once fetched without asking for a version: what a name without version means. */
  readonly latest: boolean;
  readonly accepted: Acceptance;
}

/** A download, so that the next one can ask whether anything has changed. */
export interface RemoteRecord {
  readonly url: string;
  readonly signatureUrl: string;
  readonly etag?: string | undefined;
  readonly key: ImageKey;
  /** Seconds for which the server need not be asked again. */
  readonly maxAge?: number | undefined;
  /** Milliseconds since 1970. */
  readonly downloadTime: number;
}
