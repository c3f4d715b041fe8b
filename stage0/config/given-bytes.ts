import { readFileSync, readlinkSync } from 'node:fs';
import { alteredTexts } from '#base/decode/utf8';
import { quoted } from '#base/errors/quoted';
import { GantryError } from '#base/errors/gantry-error';
import { isEnvironmentName } from '#schema/types/name-values';

const HINT = 'use UTF-8; other bytes reach an app in a file of its image or of a volume';

/**
 * Demands that the arguments are what was typed: manifests are JSON, which
 * holds nothing but UTF-8, and nothing may reach an app altered.
 * @throws GantryError NOT_UTF8
 */
export function demandExactArguments(args: readonly string[]): void {
  const given = (): readonly Buffer[] => zeroEnded('/proc/self/cmdline').slice(-args.length);
  const [index] = alteredTexts(args, given);
  if (index === undefined) return;

  const argument = quoted(args[index] ?? '');
  throw new GantryError('NOT_UTF8', `cannot use argument ${index + 1}, ${argument}: not UTF-8`, {
    hint: HINT,
  });
}

/**
 * As `demandExactArguments`, for the environment that an app is to have from us.
 * @throws GantryError NOT_UTF8
 */
export function demandExactEnvironment(env: Readonly<Record<string, string>>): void {
  // A name that is none is left out of manifests anyway.
  const names = Object.keys(env).filter(isEnvironmentName);
  const given = (): readonly Buffer[] => {
    const lines = zeroEnded('/proc/self/environ');
    const line = (name: string): Buffer | undefined =>
      lines.find((each) => each.subarray(0, each.indexOf('=')).toString() === name);
    return names.map((name) => line(name) ?? Buffer.of(0xff));
  };
  const texts = names.map((name) => `${name}=${env[name]}`);
  const [index] = alteredTexts(texts, given);
  if (index === undefined) return;

  throw new GantryError(
    'NOT_UTF8',
    `cannot hand down variable ${quoted(names[index] ?? '')} of the environment: not UTF-8`,
    { hint: HINT },
  );
}

/**
 * Sees to it that no relative path leads elsewhere: Node takes the name of the
 * current directory for UTF-8, and would look in one that is called like what it
 * makes of it. From then on whoever resolves such a path throws NOT_UTF8.
 */
export function guardDirectory(): void {
  const given = (): readonly Buffer[] => [readlinkSync('/proc/self/cwd', { encoding: 'buffer' })];
  if (alteredTexts([process.cwd()], given).length === 0) return;

  process.cwd = () => {
    throw new GantryError(
      'NOT_UTF8',
      'cannot tell where a relative path leads: the name of the current directory is not UTF-8',
      { hint: 'write it in full, or change to another directory' },
    );
  };
}

/** The parts of a file in which each ends with a zero byte. */
function zeroEnded(path: string): readonly Buffer[] {
  const bytes = readFileSync(path);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    const next = end < 0 ? bytes.length : end;
    parts.push(bytes.subarray(at, next));
    at = next + 1;
  }

  return parts;
}
