import { existsSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import type { ImageKey } from '#schema/types/image-hash';
import type { OperationContext, Stage1Config } from '../operations/context.ts';
import { findImage } from '../operations/images.ts';
import type { Library } from '../operations/library.ts';
import type { InsecureOptions, Stage1Choice } from '../operations/requests.ts';
import { builtinDir, importBuiltin } from './builtin.ts';

/** The flavor when nobody says otherwise. */
const DEFAULT_FLAVOR = 'nspawn';
/** Flavors by short name: `stage1-NAME.aci` beside the program. */
const SHORT_NAME = /^[a-z][a-z0-9]*$/;
const URL_SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/** What is asked for, and what may be left out in verifying it. */
export interface Stage1Wish {
  readonly choice: Stage1Choice;
  readonly insecure: InsecureOptions;
}

/**
 * The stage1 image that is meant: the one of the flag, and then no other; else
 * that of the configuration; else the program's own. Images beside the program
 * need no signature, all others do.
 * @throws GantryError STAGE1_NOT_FOUND, and what finding an image throws
 */
export async function chooseStage1(
  context: OperationContext,
  library: Library,
  wish: Stage1Wish,
): Promise<ImageKey> {
  const { choice } = wish;
  const value = choice.kind === 'default' ? '' : choice.value;

  return await CHOOSERS[choice.kind](context, library, { ...wish, value });
}

type Valued = Stage1Wish & { readonly value: string };
type Chooser = (context: OperationContext, library: Library, wish: Valued) => Promise<ImageKey>;

const CHOOSERS: Readonly<Record<Stage1Choice['kind'], Chooser>> = {
  default: chooseConfigured,
  name: chooseNamed,
  hash: async (_context, { store }, { value }) => await Promise.resolve(store.findByPrefix(value)),
  path: chooseFile,
  'from-dir': async (context, library, wish) => {
    const dir = context.stage1ImagesDir() ?? builtinDir(context.programDir);
    demandFileName(wish.value, dir);
    return await chooseFile(context, library, { ...wish, value: join(dir, wish.value) });
  },
  url: async (context, library, wish) => {
    if (!URL_SCHEME.test(wish.value)) {
      throw new GantryError('BAD_USAGE', `cannot read --stage1-url: "${wish.value}" is no URL`);
    }
    return await fetchStage1(context, library, wish);
  },
};

/** The folder of stage1 images is the administrator's: nothing else is reached through it. */
function demandFileName(name: string, dir: string): void {
  if (basename(name) === name && name !== '..' && name !== '.') return;

  throw new GantryError(
    'BAD_USAGE',
    `cannot read --stage1-from-dir: "${name}" is not the name of a file in "${dir}"`,
  );
}

async function chooseNamed(
  context: OperationContext,
  library: Library,
  wish: Valued,
): Promise<ImageKey> {
  const { value: name } = wish;
  if (!SHORT_NAME.test(name)) return await fetchStage1(context, library, wish);

  const path = join(builtinDir(context.programDir), `stage1-${name}.aci`);
  if (existsSync(path)) return await importBuiltin(library, { path, now: context.now() });

  throw new GantryError('STAGE1_NOT_FOUND', `cannot use flavor "${name}": there is no "${path}"`, {
    hint: 'the flavors that come with the program are fly and nspawn',
  });
}

/** By name and version from the store, else from the location; without configuration the program's own. */
async function chooseConfigured(
  context: OperationContext,
  library: Library,
  wish: Stage1Wish,
): Promise<ImageKey> {
  const config = context.stage1Config();
  const stored = config === undefined ? undefined : findConfigured(library, config);
  if (stored !== undefined) return stored;
  if (config?.location === undefined) {
    return await chooseNamed(context, library, { ...wish, value: DEFAULT_FLAVOR });
  }
  if (!config.location.startsWith('/')) {
    return await fetchStage1(context, library, { ...wish, value: config.location });
  }

  const beside = join(builtinDir(context.programDir), basename(config.location));
  const path = [config.location, beside].find((each) => existsSync(each)) ?? config.location;
  return await chooseFile(context, library, { ...wish, value: path });
}

function findConfigured({ store }: Library, { name, version }: Stage1Config): ImageKey | undefined {
  if (name === undefined || version === undefined) return undefined;
  const matching = store
    .list()
    .filter(
      (record) =>
        record.name === name &&
        record.labels.some((label) => label.name === 'version' && label.value === version),
    );

  return matching.sort((one, other) => other.importTime - one.importTime)[0]?.key;
}

async function chooseFile(
  context: OperationContext,
  library: Library,
  wish: Valued,
): Promise<ImageKey> {
  const { value: path } = wish;
  if (!existsSync(path)) {
    throw new GantryError('STAGE1_NOT_FOUND', `cannot use stage1 image "${path}": no such file`, {
      hint: 'those that come with the program are --stage1-name=fly and nspawn',
    });
  }

  const real = realpathSync(path);
  if (real === join(realpathSync(builtinDir(context.programDir)), basename(real))) {
    return await importBuiltin(library, { path: real, now: context.now() });
  }
  return await fetchStage1(context, library, { ...wish, value: real });
}

async function fetchStage1(
  context: OperationContext,
  library: Library,
  { value: text, insecure }: Valued,
): Promise<ImageKey> {
  return await findImage(context, library, { text, insecure, pullPolicy: 'new' });
}
