import type { OciDigest } from '#schema/oci/digest';
import type { ImageKey } from '#schema/types/image-hash';
import type { Labels } from '#schema/types/labels';
import type { AcIdentifier } from '#schema/types/names';
import type { AcceptedSignature } from '../policy/decide.ts';
import type { PolicyMark } from '../policy/standing.ts';

/** How an image came to be trusted; kept beside its blob for as long as the blob. */
export interface Acceptance {
  /** `builtin`: a stage1 image that came with the program; `policy`: an OCI image, by `policy`. */
  readonly how: 'signed' | 'insecure' | 'builtin' | 'policy';
  /** Fingerprint of the primary key, 40 or 64 lower-case hex digits. */
  readonly fingerprint?: string | undefined;
  /** Fingerprint of what signed: the primary key or a subkey of it. */
  readonly signedBy?: string | undefined;
  /** The image name prefix that the key is trusted for; empty for every name. */
  readonly prefix?: string | undefined;
  readonly policy?: PolicyGrant | undefined;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** URL or path that it came from, without credentials. */
  readonly source: string;
}

/** What a policy accepted an OCI image by. */
export interface PolicyGrant extends PolicyMark {
  /** `TRANSPORT:SCOPE`, or `default`. */
  readonly scope: string;
  /** The signatures that it demanded; none where it demanded none. */
  readonly signatures: readonly AcceptedSignature[];
}

/** Where an OCI image came from and what it is made of; kept beside its configuration. */
export interface OciOrigin extends OciParts {
  /** Of its manifest. */
  readonly mediaType: string;
  /** As users write it, `docker://` left out. */
  readonly reference: string;
  /** What it is called where appc's names are used, and its tag. */
  readonly name: string;
  readonly version?: string | undefined;
}

/** What an OCI image is made of beside its configuration. */
export interface OciParts {
  /** The digest of its manifest. */
  readonly manifest: OciDigest;
  /** Lowest first. */
  readonly layers: readonly OciLayer[];
}

export interface OciLayer {
  readonly digest: OciDigest;
  /** Of its archive, unpacked. */
  readonly diffId: OciDigest;
  /** Bytes, as it came. */
  readonly size: number;
}

/** An image in the store. Times are milliseconds since 1970, sizes bytes. */
export interface ImageRecord {
  readonly key: ImageKey;
  readonly name: AcIdentifier;
  readonly labels: Labels;
  readonly importTime: number;
  readonly lastUsed: number;
  /** Of the blob, or of all blobs of an OCI image. */
  readonly size: number;
  /** Of its rendered tree; 0 when there is none. */
  readonly treeSize: number;
  /** Whether it was once fetched without asking for a version: what a name without version means. */
  readonly latest: boolean;
  readonly accepted: Acceptance;
  /** Undefined for an ACI. */
  readonly oci?: OciParts | undefined;
  /** Of an OCI image. */
  readonly origin?: OciOrigin | undefined;
}

/** A download, or what a name of an OCI image means, so that the next one can ask whether anything has changed. */
export interface RemoteRecord {
  readonly url: string;
  /** Empty for an OCI image. */
  readonly signatureUrl: string;
  /** Of an OCI image the digest that the name leads to. */
  readonly etag?: string | undefined;
  readonly key: ImageKey;
  /** Seconds for which the server need not be asked again. */
  readonly maxAge?: number | undefined;
  /** Milliseconds since 1970. */
  readonly downloadTime: number;
}
