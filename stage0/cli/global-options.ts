import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import type { InsecureOptions } from '../operations/requests.ts';
import { parseInsecureOptions } from './insecure-options.ts';
import { type OptionToken, type OptionValues, optionValues } from './option.ts';
import { usageError } from './usage-error.ts';

/** Flags of every command, before or after its name (fact sheet 1.2). */
export const GLOBAL_OPTIONS = {
  help: { kind: 'flag', short: 'h', summary: 'show help and do nothing' },
  debug: { kind: 'flag', summary: 'print more on standard error, errors with their causes' },
  dir: {
    kind: 'value',
    value: 'DIR',
    fallback: '/var/lib/gantry',
    summary: 'the data directory; wins over the "paths" configuration',
  },
  'system-config': {
    kind: 'value',
    value: 'DIR',
    fallback: '/usr/lib/gantry',
    summary: 'configuration of the vendor',
  },
  'local-config': {
    kind: 'value',
    value: 'DIR',
    fallback: '/etc/gantry',
    summary: 'configuration of the administrator, trusted keys too',
  },
  'user-config': {
    kind: 'value',
    value: 'DIR',
    summary: 'a third configuration directory, which wins over the others',
  },
  'insecure-options': {
    kind: 'values',
    value: 'LIST',
    fallback: 'none',
    summary:
      'what to switch off, a comma list of none, image, tls, http, pubkey, capabilities, paths, seccomp, all-fetch, all-run, all',
  },
  'trust-keys-from-https': {
    kind: 'flag',
    summary: 'trust keys found by discovery over HTTPS without asking',
  },
} as const;

/** What the global flags say. */
export interface GlobalOptions {
  readonly help: boolean;
  readonly debug: boolean;
  /** `--dir`, absolute and free of links; undefined when the configuration or the default decides. */
  readonly dir: string | undefined;
  readonly systemConfig: string;
  readonly localConfig: string;
  readonly userConfig: string | undefined;
  readonly insecure: InsecureOptions;
  readonly trustKeysFromHttps: boolean;
}

/**
 * Reads the global flags out of everything that was typed.
 * @throws GantryError BAD_USAGE
 */
export function globalOptions(tokens: readonly OptionToken[]): GlobalOptions {
  const values: OptionValues<typeof GLOBAL_OPTIONS> = optionValues(tokens, GLOBAL_OPTIONS);
  const userConfig = values['user-config'];

  return {
    help: values.help ?? false,
    debug: values.debug ?? false,
    dir: values.dir === undefined ? undefined : realDirectory(values.dir, '--dir'),
    systemConfig: directory(values['system-config'] ?? '/usr/lib/gantry', '--system-config'),
    localConfig: directory(values['local-config'] ?? '/etc/gantry', '--local-config'),
    userConfig:
      userConfig === undefined || userConfig === ''
        ? undefined
        : directory(userConfig, '--user-config'),
    insecure: parseInsecureOptions(values['insecure-options']),
    trustKeysFromHttps: values['trust-keys-from-https'] ?? false,
  };
}

function directory(path: string, flag: string): string {
  if (path === '') throw usageError(`flag ${flag} needs a directory: it is empty`);

  return resolve(path);
}

/** Absolute and free of links as far as the path is there: what is made below it may be named in several processes. */
function realDirectory(path: string, flag: string): string {
  const absolute = directory(path, flag);
  try {
    return realpathSync(absolute);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return absolute;
    throw error;
  }
}
