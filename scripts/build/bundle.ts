import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { type BuildOptions, build, type Plugin, type TransformOptions, transform } from 'esbuild';
import { pastBarrels } from './past-barrels.ts';

export interface BundleRequest {
  /** The checkout. */
  readonly top: string;
  /** The folder that the code goes to. */
  readonly out: string;
}

const COMMON: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node26',
  minifyWhitespace: true,
  minifySyntax: true,
  keepNames: false,
  legalComments: 'none',
  logLevel: 'warning',
};

export interface ChunksRequest extends Pick<BundleRequest, 'top'> {
  /** Where the chunks are left as ES modules, for `packChunks()`. */
  readonly chunks: string;
}

/**
 * Bundles the program into chunks that load only when a command needs them.
 * CommonJS starts some milliseconds faster than ES modules do, but only the
 * latter can be split; hence two steps: split, then translate every chunk.
 * @returns the text of each by its name, CommonJS
 */
export async function bundleProgram({
  top,
  chunks,
}: ChunksRequest): Promise<ReadonlyMap<string, Buffer>> {
  await build({
    ...COMMON,
    absWorkingDir: top,
    entryPoints: [join(top, 'stage0', 'main.ts')],
    entryNames: '[name]',
    format: 'esm',
    splitting: true,
    outdir: chunks,
    plugins: [pastBarrels(top)],
  });

  const translated = new Map<string, Buffer>();
  for (const name of readdirSync(chunks)) {
    const source = readFileSync(join(chunks, name), 'utf8');
    const { code } = await transform(source, {
      format: 'cjs',
      platform: 'node',
      target: 'node26',
      supported: { 'dynamic-import': false },
      ...(source.includes('import.meta.url') ? OWN_PLACE : {}),
      minify: true,
    });
    translated.set(name, Buffer.from(withLazyBuiltins(code)));
  }

  return translated;
}

/** Bundles the program that gantry starts to extract into one file. @returns its text */
export async function bundleWorker(top: string): Promise<string> {
  return await bundleOne(top, join(top, 'image-store', 'extract-worker.ts'));
}

/**
 * Joins chunks into one module. They share one scope then: what each brings to
 * import the others, a fifth of the code, falls away. What it exports is
 * `chunks`: by a chunk's name a function that makes its exports, since few are
 * asked for.
 * @param chunks the folder with the chunks as ES modules
 * @returns the text of a CommonJS module, ASCII
 */
export async function packChunks(chunks: string, names: readonly string[]): Promise<string> {
  const exported = await exportsOf(chunks, names);
  const imports = names.map((name, index) => `import * as chunk${index} from './${name}';`);
  const makers = names.map((name, index) => {
    const getters = (exported.get(name) ?? []).map(
      (each) => `get ${each}() { return chunk${index}.${each}; }`,
    );
    return `${JSON.stringify(name)}: () => ({ ${getters.join(', ')} })`;
  });
  const contents = `${imports.join('\n')}\nexport const chunks = { ${makers.join(', ')} };`;
  const { outputFiles } = await build({
    ...COMMON,
    stdin: { contents, resolveDir: chunks },
    format: 'cjs',
    supported: { 'dynamic-import': false },
    minify: true,
    plugins: [staysOutside(new Set(names))],
    // The chunks are whole: each is wanted for what it does, too.
    ignoreAnnotations: true,
    write: false,
  });
  const code = withLazyBuiltins(outputFiles[0]?.text ?? '');
  if (!/^\p{ASCII}*$/u.test(code)) throw new Error(`build: the pack of ${names[0]} is not ASCII`);

  return code;
}

/** The names that each chunk exports. */
async function exportsOf(
  chunks: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { metafile } = await build({
    entryPoints: names.map((name) => join(chunks, name)),
    outdir: chunks,
    format: 'esm',
    metafile: true,
    write: false,
  });

  return new Map(
    Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output.exports]),
  );
}

/** Leaves to the program's loader what is not packed, and what is imported when it is wanted. */
function staysOutside(packed: ReadonlySet<string>): Plugin {
  return {
    name: 'stays-outside',
    setup(plugins) {
      plugins.onResolve({ filter: /^\.\// }, ({ path, kind }) =>
        kind === 'dynamic-import' || !packed.has(path.slice(2))
          ? { path, external: true }
          : undefined,
      );
    },
  };
}

/** A library that asks where it lies must still get an answer. */
const OWN_PLACE: TransformOptions = {
  define: { 'import.meta.url': '__moduleUrl' },
  banner: 'const __moduleUrl=require("node:url").pathToFileURL(__filename).href;',
};

/** Parts of Node that are there when it starts; loading any other costs up to 10 ms, so that waits until it is used. */
const LOADED_BUILTINS: ReadonlySet<string> = new Set([
  'node:buffer',
  'node:fs',
  'node:path',
  'node:process',
]);

const LAZY = `
const __lazy = (name) => {
  let loaded;
  return new Proxy({}, { get: (_, key) => (loaded ??= process.getBuiltinModule(name))[key] });
};`.replaceAll(/\s*\n\s*/g, '');

/** Has the parts of Node loaded by the first use of what a chunk imports from them by name; other imports look at the whole. */
export function withLazyBuiltins(code: string): string {
  let lazy = false;
  // What is handed to a function (__toESM, by whatever name) is looked at whole.
  const named = /(?<![\w$]\()\brequire\("(node:[a-z_/]+)"\)/g;
  const changed = code.replaceAll(named, (call, name: string) => {
    if (LOADED_BUILTINS.has(name)) return call;
    lazy = true;
    return `__lazy("${name}")`;
  });

  return lazy ? `${LAZY}${changed}` : code;
}

/**
 * Bundles every stage1 entrypoint (`stage1-FLAVOR/NAME/main.ts`) into one file
 * that brings everything it needs: `OUT/FLAVOR/NAME.js`.
 */
export async function bundleEntrypoints({ top, out }: BundleRequest): Promise<void> {
  rmSync(out, { recursive: true, force: true });
  for (const flavor of readdirSync(top).filter((name) => name.startsWith('stage1-'))) {
    for (const name of readdirSync(join(top, flavor))) {
      const main = join(top, flavor, name, 'main.ts');
      if (!existsSync(main)) continue;

      const folder = join(out, flavor);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `${name}.js`), await bundleOne(top, main));
    }
  }
}

/** @returns the text of a CommonJS module that brings everything it needs */
async function bundleOne(top: string, main: string): Promise<string> {
  const { outputFiles } = await build({
    ...COMMON,
    minify: true,
    absWorkingDir: top,
    entryPoints: [relative(top, main)],
    format: 'cjs',
    // What is loaded as a script has no loader for import().
    supported: { 'dynamic-import': false },
    write: false,
  });

  return withLazyBuiltins(outputFiles[0]?.text ?? '');
}
