import type { AcIdentifier } from '#schema/types/names';

/**
 * The key folders, lowest layer first: `systemDir`, `localDir`, then
 * `extraDirs`. Each holds `root.d/<fingerprint>` and
 * `prefix.d/<ACIdentifier>/<fingerprint>`; none has to exist.
 */
export interface TrustRoots {
  /** What the distribution ships: `/usr/lib/gantry/trustedkeys`. */
  readonly systemDir: string;
  /** What the administrator decides, the only one that is written: `/etc/gantry/trustedkeys`. */
  readonly localDir: string;
  /** `trustedkeys` of `--user-config`. */
  readonly extraDirs?: readonly string[] | undefined;
  /**
   * Where what key files say of expiry and revocation is remembered, so that
   * `isTrusted` answers without reading OpenPGP. A cache by content: it may be
   * removed, be unwritable or be left out at any time, at the price of time.
   */
  readonly factsDir?: string | undefined;
}

/** Which folder a key file lies in. */
export type KeyOrigin = 'system' | 'local' | 'user';

/** What a key is trusted for: the names at and below an identifier, or everything when empty. */
export type KeyScope = AcIdentifier | '';

/** A key file that makes a key trusted. */
export interface TrustedKey {
  /** Of the primary key, 40 (version 4) or 64 (version 6) lower-case hexadecimal digits; also the file's name. */
  readonly fingerprint: string;
  readonly scope: KeyScope;
  readonly origin: KeyOrigin;
  readonly path: string;
}

/** A file in a key folder, a zero-length one being a mask. */
export interface KeyEntry extends TrustedKey {
  readonly kind: 'key' | 'mask';
  /** The mask that takes this key's trust away; undefined for masks and for keys that hold. */
  readonly maskedBy?: string | undefined;
  /** The file that this key is read from instead, for the same names and more; undefined for masks. */
  readonly replacedBy?: string | undefined;
}

/** What is said of an entry of the list, in the words that are shown: whether a signature by its key is accepted, or why not. */
export type KeyState =
  | 'trusted'
  | 'mask'
  | 'masked'
  | 'replaced'
  | 'expired'
  | 'revoked'
  | 'not yet valid'
  | 'weak'
  /** No key, not the one its name says, or not for signing. */
  | 'unusable';

/** A file in a key folder, judged. */
export interface ListedKey extends KeyEntry {
  readonly state: KeyState;
}

/**
 * What has become of a key that once was trusted. `unread` only comes from the
 * synchronous look: the file is there, but whether it has expired or been
 * revoked is known after `examine` only.
 */
export type KeyStanding = 'trusted' | 'masked' | 'absent' | 'expired' | 'revoked' | 'unread';

/** A key whose trust is looked at again. */
export interface StandingQuestion {
  /** Of the primary key. */
  readonly fingerprint: string;
  /** The image's name. */
  readonly name: AcIdentifier;
  /** The subkey that made the signature, where that was recorded. */
  readonly signedBy?: string | undefined;
}

/** The keys of a host. */
export interface Trust {
  readonly roots: TrustRoots;
  /** The keys an image of this name may be signed by, masks applied. */
  keyringFor(name: AcIdentifier): readonly TrustedKey[];
  /** Every key file and mask. Sorted by scope, fingerprint, layer. */
  list(): readonly KeyEntry[];
  /** As `list`, for showing: each key is read and judged as it is when it has signed. */
  listStates(): Promise<readonly ListedKey[]>;
  /** Whether a key is still trusted for a name; synchronous and fast, for `run`. */
  isTrusted(question: StandingQuestion): KeyStanding;
  /** As `isTrusted`, but reads the key when it has to: never `unread`. */
  examine(question: StandingQuestion): Promise<Exclude<KeyStanding, 'unread'>>;
}

/** Who an image was accepted from. */
export interface VerifiedBy {
  /** Of the primary key, lower-case hexadecimal. */
  readonly fingerprint: string;
  /** Of the key that made the signature: the primary key or one of its subkeys. */
  readonly signedBy: string;
  /** The scope the key is trusted for, empty for everything. */
  readonly prefix: KeyScope;
  /** When the signature says it was made, ms since 1970. */
  readonly signedAt: number;
}

/** A detached signature being checked against a stream of bytes. */
export interface Verifier {
  /** Fingerprints, or 16-digit key ids where the signature has no more, of the keys it says it is made by. */
  readonly issuers: readonly string[];
  /**
   * Refuses early, before anything is fetched, what `finish` would refuse for its key.
   * @throws GantryError as `finish`, but for those of the signature itself
   */
  checkIssuers(trust: Trust, name: AcIdentifier): Promise<void>;
  /** Takes in the next bytes of the signed file; does not keep them. */
  update(chunk: Uint8Array): void;
  /**
   * Decides, once the whole file went through `update`. One good signature by
   * a trusted key is enough.
   * @throws GantryError with one of `TrustRefusal`
   */
  finish(trust: Trust, name: AcIdentifier): Promise<VerifiedBy>;
}

/** Why a signature or key is refused. */
export type TrustRefusal =
  /** Not an OpenPGP signature, or of a kind that does not cover a file byte by byte. */
  | 'SIGNATURE_MALFORMED'
  /** Made for another file, or this one was changed. */
  | 'SIGNATURE_INVALID'
  | 'SIGNATURE_EXPIRED'
  | 'SIGNATURE_FROM_FUTURE'
  /** MD5, SHA-1, RIPEMD-160. */
  | 'SIGNATURE_WEAK'
  | 'KEY_UNKNOWN'
  | 'KEY_WRONG_SCOPE'
  | 'KEY_MASKED'
  | 'KEY_EXPIRED'
  | 'KEY_REVOKED'
  | 'KEY_NOT_YET_VALID'
  /** RSA below 2048 bits, DSA, ElGamal, curves given up. */
  | 'KEY_WEAK'
  /** Without a valid self-signature or binding, or not for signing. */
  | 'KEY_UNUSABLE'
  /** A file among the trusted keys that is no key, or not the one its name says. */
  | 'KEY_FILE_INVALID';
