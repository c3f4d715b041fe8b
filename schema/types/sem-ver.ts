import { quoted } from '#base/errors/quoted';

/** The version of the appc specification that this program speaks and writes. */
export const AC_VERSION = '0.8.11';

/** Semantic Versioning 2.0.0: three numbers, then … */
const SEM_VER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(.*)$/s;

/** … a pre-release and build metadata. */
const SUFFIX =
  /^(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*))*)?(?:\+[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*)?$/;

/** The longest version that is looked at. */
const MAX_LENGTH = 256;

/**
 * What is wrong with the `acVersion` of a document, to follow its path; undefined when nothing is.
 * A newer major version is another language, which this program cannot claim to understand.
 */
export function acVersionProblem(text: string): string | undefined {
  const match = text.length > MAX_LENGTH ? null : SEM_VER.exec(text);
  const [, major, minor, patch, suffix = ''] = match ?? [];
  if (major === undefined || (suffix !== '' && !SUFFIX.test(suffix))) {
    return `must be a semantic version such as ${AC_VERSION}, not ${quoted(text)}`;
  }

  if (major === '0' && minor === '0' && patch === '0') return 'must not be zero';
  if (Number(major) > Number(AC_VERSION.split('.')[0])) {
    return `is ${quoted(text)}, of a newer major version than ${AC_VERSION}, the newest that is understood`;
  }

  return undefined;
}
