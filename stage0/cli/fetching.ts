import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import {
  type FetchContext,
  type FetchOutcome,
  fetchImage,
  type HttpOptions,
  parseReference,
} from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { readConfiguration } from '../config/configuration.ts';
import type { FetchOptions } from '../operations/context.ts';
import { type Library, openLibrary, configDirs } from '../operations/library.ts';
import { askForKeys } from './key-review.ts';
import type { Workplace } from './workplace.ts';

/** An image to fetch. */
export interface FetchWish extends FetchOptions {
  /** As typed. */
  readonly text: string;
}

/**
 * Brings one image and its dependencies into the store.
 * @throws GantryError whatever fetching throws
 */
export async function fetchWish(
  workplace: Workplace,
  library: Library,
  { text, pullPolicy, insecure, signature }: FetchWish,
): Promise<FetchOutcome> {
  const reference = parseReference(text, { fileExists: isRegularFile });

  return await fetchImage(
    { reference, pullPolicy, insecure, signature },
    await fetchContext(workplace, library),
  );
}

/** Fetches an image for an operation that has no use for more than its key. */
export async function fetchForOperation(workplace: Workplace, wish: FetchWish): Promise<ImageKey> {
  using library = openLibrary(workplace.context);
  const { key } = await fetchWish(workplace, library, wish);
  workplace.talk.quiet();

  return key;
}

/** How servers are talked to, by the configuration and the environment. */
export async function httpOptions({ globals, call, context }: Workplace): Promise<HttpOptions> {
  const { auth, limits } = await readConfiguration(globals, ['auth.d', 'limits.d']);
  const { proxies, certificateFiles } = call.environment;

  return {
    auth,
    proxies,
    certificateFiles,
    certificateDirs: configDirs(context).map((dir) => join(dir, 'certs.d')),
    timeouts: timeoutsOf(limits.serverSeconds),
  };
}

function timeoutsOf(serverSeconds: number | undefined): HttpOptions['timeouts'] {
  if (serverSeconds === undefined) return undefined;
  const silence = serverSeconds * 1000;

  return { answer: silence, stall: silence };
}

/** What fetching and pushing work with. */
export async function fetchContext(
  workplace: Workplace,
  { store, trust }: Library,
): Promise<FetchContext> {
  const { call, globals, context } = workplace;
  const { kernel, exec, log } = context;

  return {
    store,
    trust,
    kernel,
    exec,
    log,
    http: await httpOptions(workplace),
    trustKeysFromHttps: globals.trustKeysFromHttps,
    configDirs: configDirs(context),
    logins: async () => {
      const { dockerAuth } = await readConfiguration(globals, ['auth.d']);
      const { env, loginFiles } = call.environment;
      return { configured: dockerAuth, files: loginFiles, exec, env };
    },
    // With nobody to ask, the unknown key is the error, not the missing terminal.
    acceptKey: isatty(0) ? async (found) => await askForKeys(workplace, found) : undefined,
  };
}

function isRegularFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
