import { GantryError } from '#base/errors/gantry-error';
import type { Descriptor } from '#schema/oci/descriptor';
import { digestAlgorithm, type OciDigest } from '#schema/oci/digest';
import { digestOfBytes } from '#schema/oci/digest-bytes';
import { MAX_MANIFEST_BYTES } from '#schema/oci/manifest';
import { wrongDigest, wrongSize } from '../../blobs/wrong-blob.ts';
import type { SignatureSource } from '../../policy/decide.ts';
import type { LocalReference, RegistryReference } from '../../reference/index.ts';

/** Where an OCI image is brought from. */
export interface OciSource extends AsyncDisposable {
  readonly image: RegistryReference | LocalReference;
  /** The image as errors name it, with quotes: `image "oci:dir"`. */
  readonly what: string;
  /** As users write it, always the same way. */
  readonly reference: string;
  /** What it is called where appc's names are used, and its tag. */
  readonly name: string;
  readonly version: string | undefined;
  /** Signatures of what is there, for policies that demand some. */
  readonly signatures: SignatureSource;
  /** The manifest or the index that the reference leads to. */
  top(): Promise<TopDocument>;
  /** The bytes of a blob, as they are; the memory of the chunks is the caller's. */
  open(descriptor: Descriptor): AsyncGenerator<Buffer, void, undefined>;
}

/** A manifest or an index, checked against its digest. */
export interface TopDocument {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: OciDigest;
}

/**
 * Reads a manifest, an index or a configuration whole.
 * @throws GantryError IMAGE_DOCUMENT_TOO_LARGE, IMAGE_SIZE_MISMATCH, IMAGE_DIGEST_MISMATCH, and what the source throws
 */
export async function readDocument(source: OciSource, descriptor: Descriptor): Promise<Buffer> {
  const what = `${descriptor.digest} of ${source.what}`;
  if (descriptor.size > MAX_MANIFEST_BYTES) throw tooLarge(what);
  const bytes = await collect(source.open(descriptor), descriptor.size, what);
  demandDigest(bytes, descriptor.digest, what);

  return bytes;
}

async function collect(
  chunks: AsyncGenerator<Buffer, void, undefined>,
  size: number,
  what: string,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let done = 0;
  for await (const chunk of chunks) {
    done += chunk.length;
    if (done > size) break;
    pieces.push(chunk);
  }
  if (done === size) return Buffer.concat(pieces);

  throw wrongSize(what, size, done > size ? 'more' : `${done}`);
}

/** @throws GantryError IMAGE_DIGEST_MISMATCH */
export function demandDigest(bytes: Buffer, wanted: OciDigest, what: string): void {
  const found = digestOfBytes(bytes, digestAlgorithm(wanted));
  if (found !== wanted) throw wrongDigest(what, found);
}

/** A document that is longer than any honest one. */
export function tooLarge(what: string): GantryError {
  return new GantryError(
    'IMAGE_DOCUMENT_TOO_LARGE',
    `cannot accept ${what}: it has more than ${MAX_MANIFEST_BYTES} bytes`,
  );
}
