import type { Descriptor } from '#schema/oci/descriptor';
import { digestAlgorithm, digestHex } from '#schema/oci/digest';
import { CONTAINERD_NAME, OCI_LAYOUT, REF_NAME } from '#schema/oci/layout';
import type { OutgoingImage } from './outgoing-image.ts';
import { type ArchiveMember, bytesMember, documentMember, tarStream } from './tar-stream.ts';

/** An image and what it is called where it goes. */
export interface NamedImage {
  readonly image: OutgoingImage;
  /** A tag or a whole reference. */
  readonly name: string | undefined;
}

/** Images as an OCI layout in a tar archive, as they came; what they share is there once. */
export function ociArchive(images: readonly NamedImage[]): AsyncGenerator<Buffer, void, undefined> {
  const members = new Map<string, ArchiveMember>();
  for (const { image } of images) {
    for (const member of blobsOf(image)) members.set(member.name, member);
  }

  return tarStream([
    documentMember('oci-layout', OCI_LAYOUT),
    documentMember('index.json', { schemaVersion: 2, manifests: images.map(entryOf) }),
    ...members.values(),
  ]);
}

/** How an image stands in `index.json` (OCI image specification, image-layout.md). */
export function entryOf({ image, name }: NamedImage): Descriptor {
  const { descriptor } = image;
  if (name === undefined) return descriptor;
  const annotations = {
    ...(name.includes('/') ? { [CONTAINERD_NAME]: name } : {}),
    [REF_NAME]: name,
  };

  return { ...descriptor, annotations };
}

/** Where a blob lies in a layout. */
export const blobName = (digest: Descriptor['digest']): string =>
  `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;

/** The blobs of an image, by their places in a layout. */
export function blobsOf(image: OutgoingImage): readonly ArchiveMember[] {
  const { config, layers } = image.manifest;
  const blobs = [...layers, config].map(
    (descriptor): ArchiveMember => ({
      name: blobName(descriptor.digest),
      size: descriptor.size,
      open: () => image.open(descriptor),
    }),
  );

  return [...blobs, bytesMember(blobName(image.descriptor.digest), image.bytes)];
}
