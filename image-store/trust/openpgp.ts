import type * as OpenPgp from 'openpgp';

/** The library with the settings everything of ours is read and judged by. */
export interface LoadedOpenPgp {
  readonly openpgp: typeof OpenPgp;
  readonly config: OpenPgp.Config;
}

/** NIST SP 800-131A: the shortest RSA modulus still allowed for verifying new signatures. */
export const MIN_RSA_BITS = 2048;

/**
 * "At whatever time" for the library's date parameters: it takes null for it,
 * as its documentation says, while its types forgot.
 */
export const ANY_TIME: Date = null as unknown as Date;

let loaded: Promise<LoadedOpenPgp> | undefined;

/** Loads the library, once, when first needed: it costs more than the rest of a `run` together. */
export async function loadOpenPgp(): Promise<LoadedOpenPgp> {
  loaded ??= import('openpgp').then((openpgp) => {
    const { md5, ripemd, sha1 } = openpgp.enums.hash;
    return {
      openpgp,
      config: {
        ...openpgp.config,
        minRSABits: MIN_RSA_BITS,
        enableParsingV5Entities: false,
        rejectHashAlgorithms: new Set([md5, ripemd, sha1]),
      },
    };
  });

  return await loaded;
}

/** Begins to load the library while there is something else to wait for; a failure shows when it is used. */
export function preloadOpenPgp(): void {
  loadOpenPgp().catch(() => {});
}
