import { utf8Text } from '#base/decode/utf8';
import { GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { readNamedFile } from '#base/fs/named-file';
import { isEnvironmentName } from '#schema/types/name-values';

/** More than a program can be given: a quarter of the usual limit on its stack, by execve(2). */
const MAX_BYTES = 2 * 1024 * 1024;

/**
 * Reads files of `--set-env-file`: `NAME=VALUE` lines, blank ones and those
 * that begin with `#` or `;` passed over.
 * @throws GantryError ENV_FILE_INVALID; a name in two lines, or two files, is one
 */
export function readEnvironmentFiles(paths: readonly string[]): Readonly<Record<string, string>> {
  const variables = new Map<string, string>();
  for (const path of paths) {
    for (const [index, line] of readLines(path).entries()) {
      if (/^\s*([#;]|$)/.test(line)) continue;
      const { name, value } = parseLine(line, `line ${index + 1} of "${path}"`);
      if (variables.has(name)) {
        throw invalid(`line ${index + 1} of "${path}"`, `"${name}" is set twice`);
      }
      variables.set(name, value);
    }
  }

  return Object.fromEntries(variables);
}

function readLines(path: string): readonly string[] {
  try {
    return utf8Text(readNamedFile(path, MAX_BYTES)).split(/\r?\n/);
  } catch (error) {
    throw invalid(`"${path}"`, fileState(error), error);
  }
}

function parseLine(line: string, where: string): { readonly name: string; readonly value: string } {
  const at = line.indexOf('=');
  const name = line.slice(0, at).trim();
  if (at < 0) throw invalid(where, 'not NAME=VALUE');
  if (!isEnvironmentName(name)) throw invalid(where, `"${name}" is no name of a variable`);
  const value = line.slice(at + 1);
  if (value.includes('\0')) throw invalid(where, 'it holds a zero byte');

  return { name, value };
}

function invalid(where: string, state: string, cause?: unknown): GantryError {
  return new GantryError(
    'ENV_FILE_INVALID',
    `cannot read the environment from ${where}: ${state}`,
    cause === undefined ? {} : { cause },
  );
}
