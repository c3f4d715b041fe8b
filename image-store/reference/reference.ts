import type { AcIdentifier } from '#schema/types/names';
import type { Labels } from '#schema/types/labels';
import type { LocalReference, RegistryReference } from './oci-reference.ts';

/** An image of the store, by (a prefix of) its key; never fetched. */
export interface HashReference {
  readonly kind: 'hash';
  readonly text: string;
  readonly prefix: string;
}

/** An appc image by name, found by discovery. */
export interface NameReference {
  readonly kind: 'name';
  readonly text: string;
  readonly name: AcIdentifier;
  /** What was asked for, `version` among them when it was; `os` and `arch` are the host's unless told. */
  readonly labels: Labels;
}

/** An image archive on a web server. */
export interface UrlReference {
  readonly kind: 'url';
  readonly text: string;
  /** http or https, the path ending in `.aci`; may hold credentials, so never shown as it is. */
  readonly url: URL;
}

/** An image archive on this machine. */
export interface PathReference {
  readonly kind: 'path';
  readonly text: string;
  /** As typed, or absolute when it came from a file URL. */
  readonly path: string;
}

/** What a user means by IMAGE, read but not yet looked up. */
export type Reference = AppcReference | RegistryReference | LocalReference;

/** What means an appc image, or an image of the store. */
export type AppcReference = HashReference | NameReference | UrlReference | PathReference;
