/** What registries.conf says of registries: containers-registries.conf(5). */
export interface Registries {
  /** Where images are looked for whose name says no registry, in this order: `HOST[:PORT]`. */
  readonly search: readonly string[];
  /** What is done with a name that several registries may have. */
  readonly shortNames: ShortNameMode;
  /** Whole names by short ones. */
  readonly aliases: ReadonlyMap<string, string>;
  /** By their prefixes. */
  readonly tables: ReadonlyMap<string, RegistryTable>;
  /** Programs that know who one is for registries; undefined where nothing is said. */
  readonly credentialHelpers: readonly string[] | undefined;
  /** The file that the administrator writes, for hints. */
  readonly path: string;
}

export type ShortNameMode = 'enforcing' | 'permissive' | 'disabled';

/** One `[[registry]]`: what holds for all images whose names begin with a prefix. */
export interface RegistryTable {
  /** `HOST[:PORT][/NAME][:TAG][@DIGEST]`, or `*.DOMAIN`. */
  readonly prefix: string;
  /** What stands in the place of the prefix where the image is; undefined below `*.DOMAIN` only. */
  readonly location: string | undefined;
  readonly insecure: boolean;
  readonly blocked: boolean;
  /** Asked before the location, in this order. */
  readonly mirrors: readonly Mirror[];
  /** Where it is said: a file and a line. */
  readonly source: string;
}

export interface Mirror {
  readonly location: string;
  readonly insecure: boolean;
  readonly pullFrom: PullFrom;
}

/** For which images a mirror is asked: those with a digest, those without, or all. */
export type PullFrom = 'all' | 'digest-only' | 'tag-only';
