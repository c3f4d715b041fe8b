/** The version of this program, the same as in package.json. */
export const VERSION = '0.1.0';
/** The version of the appc specification that images and pods follow. */
export const APPC_VERSION = '0.8.11';
