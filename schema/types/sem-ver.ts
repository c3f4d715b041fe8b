import { quoted } from '#base/errors/quoted';

/** The version of the appc specification that this program speaks and writes. */
export const AC_VERSION = '0.8.11';

const NUMBER = '(0|[1-9][0-9]{0,9})';
const PRERELEASE_PART = '(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)';

/** Semantic Versioning 2.0.0, section "Backus–Naur Form Grammar". */
const SEM_VER = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}` +
    `(?:-${PRERELEASE_PART}(?:\\.${PRERELEASE_PART})*)?` +
    '(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$',
);

/** The longest version that is looked at. */
const MAX_LENGTH = 256;

/**
 * What is wrong with the `acVersion` of a document, to follow its path; undefined when nothing is.
 * A newer major version is another language, which this program cannot claim to understand.
 */
export function acVersionProblem(text: string): string | undefined {
  const match = text.length > MAX_LENGTH ? null : SEM_VER.exec(text);
  if (match === null)
    return `must be a semantic version such as ${AC_VERSION}, not ${quoted(text)}`;

  const [, major, minor, patch] = match;
  if (major === '0' && minor === '0' && patch === '0') return 'must not be zero';
  if (Number(major) > Number(AC_VERSION.split('.')[0])) {
    return `is ${quoted(text)}, of a newer major version than ${AC_VERSION}, the newest that is understood`;
  }

  return undefined;
}
