/** Every released version of the CNI specification, oldest first. */
export const CNI_VERSIONS = [
  '0.1.0',
  '0.2.0',
  '0.3.0',
  '0.3.1',
  '0.4.0',
  '1.0.0',
  '1.1.0',
] as const;

/** A version of the CNI specification that this library speaks. */
export type CniVersion = (typeof CNI_VERSIONS)[number];

/** The version that a document means that names none; spec 0.1.0 is the only one without the duty to name it. */
export const OLDEST_VERSION: CniVersion = '0.1.0';

export const NEWEST_VERSION: CniVersion = '1.1.0';

/** What came with which version. */
const SINCE = {
  /** CHECK, and `prevResult` on DEL. */
  check: '0.4.0',
  /** STATUS and GC. */
  gc: '1.1.0',
} as const satisfies Readonly<Record<string, CniVersion>>;

/** A version number with one to three parts, as written in configurations and by plugins. */
const VERSION = /^(\d{1,5})(?:\.(\d{1,5}))?(?:\.(\d{1,5}))?$/;

/** Whether text is a version number at all, released or not. */
export function isVersionNumber(text: string): boolean {
  return VERSION.test(text);
}

/**
 * The released version that text means. Parts left out are 0: the examples of
 * spec 0.1.0 write `0.1`.
 * @returns undefined when it is none
 */
export function releasedVersion(text: string): CniVersion | undefined {
  const match = VERSION.exec(text);
  if (match === null) return undefined;

  const full = [match[1], match[2], match[3]].map((part) => Number(part ?? 0)).join('.');
  return CNI_VERSIONS.find((version) => version === full);
}

/** Whether a version is as new as another, or newer. */
export function isAtLeast(version: CniVersion, other: CniVersion): boolean {
  return CNI_VERSIONS.indexOf(version) >= CNI_VERSIONS.indexOf(other);
}

/** Whether plugins of this version know CHECK, and expect `prevResult` with DEL. */
export function hasCheck(version: CniVersion): boolean {
  return isAtLeast(version, SINCE.check);
}

/** Whether plugins of this version know STATUS and GC. */
export function hasGc(version: CniVersion): boolean {
  return isAtLeast(version, SINCE.gc);
}

/** The versions found in every list, oldest first. */
export function commonVersions(
  ...lists: readonly (readonly CniVersion[])[]
): readonly CniVersion[] {
  return CNI_VERSIONS.filter((version) => lists.every((list) => list.includes(version)));
}
