// What the appc manifest of an OCI image says beyond appc's terms.

/** Marks the manifest of an OCI image; its value is the digest of the image's configuration. */
export const OCI_ANNOTATION = 'gantry.sh/oci/config';

/** The words of the image's ENTRYPOINT, with which its `exec` begins, a list in JSON; what follows is its CMD. */
export const ENTRYPOINT_ANNOTATION = 'gantry.sh/oci/entrypoint';

/** `own`: the image names no group, so that the app has those of its user. */
export const GROUP_ANNOTATION = 'gantry.sh/oci/group';

/** The signal that stops the app: `SIG…`. */
export const STOP_SIGNAL_ANNOTATION = 'gantry.sh/oci/stop-signal';

/** The image's volumes: absolute paths without `.`, `..` and doubled slashes, each once, a list in JSON. */
export const VOLUMES_ANNOTATION = 'gantry.sh/oci/volumes';
