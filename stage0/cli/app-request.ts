import { GantryError } from '#base/errors/gantry-error';
import { parseRestart, parseStdioMode, type StdioStream } from '#stage1';
import type { AppRequest } from '../operations/requests.ts';
import { APP_OPTIONS } from './app-options.ts';
import {
  readAbsolutePath,
  readAssignments,
  readInteger,
  readName,
  readText,
} from './flag-values.ts';
import type { ImageSegment } from './image-line.ts';
import { type OptionToken, type OptionValues, optionValues, parseBoolean } from './option.ts';
import { usageError } from './usage-error.ts';
import { MAX_ID, readMounts } from './volume-flags.ts';

type AppValues = OptionValues<typeof APP_OPTIONS>;

/** One app as asked for, and its valid flags whose features are still to come. */
export interface ReadApp {
  readonly app: AppRequest;
  readonly unsupported: readonly string[];
}

/**
 * Reads the flags of one image.
 * @throws GantryError BAD_USAGE
 */
export async function readApp({ image, tokens, args }: ImageSegment): Promise<ReadApp> {
  checkOnce(image, tokens);
  const values: AppValues = optionValues(tokens, APP_OPTIONS);

  return {
    app: {
      image,
      args,
      signature: readText(values.signature, '--signature'),
      exec: readText(values.exec, '--exec'),
      name: values.name === undefined ? undefined : readName(values.name, '--name'),
      workingDir: readPath(values['working-dir'], '--working-dir'),
      restart: readPolicy(values.restart, '--restart', parseRestart),
      stdio: {
        stdin: readMode(values.stdin, 'stdin'),
        stdout: readMode(values.stdout, 'stdout'),
        stderr: readMode(values.stderr, 'stderr'),
      },
      readOnlyRootfs: readTruth(values['readonly-rootfs'], '--readonly-rootfs'),
      mounts: readMounts(values.mount),
      user: readText(values.user, '--user'),
      group: readText(values.group, '--group'),
      supplementaryGids: readGids(values['supplementary-gids']),
      annotations: readAssignments(values.annotation, '--annotation', 'identifier'),
      userAnnotations: readAssignments(values['user-annotation'], '--user-annotation', 'any'),
      userLabels: readAssignments(values['user-label'], '--user-label', 'any'),
      environment: readAssignments(values.environment, '--environment', 'variable'),
    },
    unsupported: await isolators(values, tokens),
  };
}

/**
 * A flag that says one thing may be given once for an image; two would contradict each other.
 * @throws GantryError BAD_USAGE
 */
export function checkOnce(image: string, tokens: readonly OptionToken[]): void {
  const single = tokens.filter(({ name }) => !isRepeatable(name)).map(({ name }) => name);
  const twice = single.find((name, at) => single.indexOf(name) !== at);
  if (twice !== undefined) {
    throw usageError(`flag --${twice} is given twice for image "${image}"`);
  }
}

function isRepeatable(name: string): boolean {
  return APP_OPTIONS[name as keyof typeof APP_OPTIONS].kind === 'values';
}

function readPath(text: string | undefined, flag: string): string | undefined {
  return text === undefined ? undefined : readAbsolutePath(text, flag);
}

/** What is valid is carried as it was written. */
export function readPolicy(
  text: string | undefined,
  flag: string,
  parse: (text: string) => unknown,
): string | undefined {
  if (text === undefined) return undefined;
  try {
    parse(text);
    return text;
  } catch (error) {
    throw usageError(
      `cannot read ${flag}: unknown policy "${text}"`,
      error instanceof GantryError ? error.hint : undefined,
    );
  }
}

function readMode(text: string | undefined, stream: StdioStream): string | undefined {
  if (text === undefined) return undefined;
  try {
    return parseStdioMode(stream, text);
  } catch (error) {
    throw usageError(
      `cannot read --${stream}: unknown mode "${text}"`,
      error instanceof GantryError ? error.hint : undefined,
    );
  }
}

function readTruth(text: string | undefined, flag: string): boolean | undefined {
  return text === undefined ? undefined : parseBoolean(text, flag);
}

function readGids(text: string | undefined): readonly number[] | undefined {
  return text
    ?.split(',')
    .map((gid) => readInteger(gid, '--supplementary-gids', { min: 0, max: MAX_ID }));
}

/** Most apps have none, and their checks need not be loaded then. */
const ISOLATOR = /^(memory|cpu|caps?-|seccomp|oom-)/;

async function isolators(
  values: AppValues,
  tokens: readonly OptionToken[],
): Promise<readonly string[]> {
  if (!tokens.some(({ name }) => ISOLATOR.test(name))) return [];

  const { checkIsolators } = await import('./isolator-flags.ts');
  return checkIsolators(values);
}
