// What an OCI layout has beside its blobs (OCI image specification, image-layout.md).

/** The file `oci-layout`. */
export const OCI_LAYOUT = { imageLayoutVersion: '1.0.0' } as const;

/** The annotation that says what an image of a layout is called. */
export const REF_NAME = 'org.opencontainers.image.ref.name';

/** The same, always a whole reference, by containerd and docker. */
export const CONTAINERD_NAME = 'io.containerd.image.name';
