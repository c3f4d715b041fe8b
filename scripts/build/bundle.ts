import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type BuildOptions, build, type TransformOptions, transform } from 'esbuild';

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

/**
 * Bundles the program into chunks that load only when a command needs them.
 * CommonJS starts some milliseconds faster than ES modules do, but only the
 * latter can be split; hence two steps: split, then translate every chunk.
 */
export async function bundleProgram({ top, out }: BundleRequest): Promise<void> {
  const split = join(top, '.build', `chunks-${process.pid}`);
  rmSync(split, { recursive: true, force: true });
  await build({
    ...COMMON,
    absWorkingDir: top,
    entryPoints: programEntries(top),
    entryNames: '[name]',
    format: 'esm',
    splitting: true,
    outdir: split,
  });

  for (const name of readdirSync(split)) {
    const source = readFileSync(join(split, name), 'utf8');
    const { code } = await transform(source, {
      format: 'cjs',
      platform: 'node',
      target: 'node26',
      supported: { 'dynamic-import': false },
      ...(source.includes('import.meta.url') ? OWN_PLACE : {}),
      minify: true,
    });
    writeFileSync(join(out, name), withLazyBuiltins(code));
  }
  rmSync(split, { recursive: true });
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
  'node:module',
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

function programEntries(top: string): string[] {
  const workers = readdirSync(join(top, 'image-store')).filter((name) =>
    name.endsWith('-worker.ts'),
  );

  return [join(top, 'stage0', 'main.ts'), ...workers.map((name) => join(top, 'image-store', name))];
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
      await build({
        ...COMMON,
        absWorkingDir: top,
        entryPoints: [relative(top, main)],
        format: 'cjs',
        // What is loaded as a script has no loader for import().
        supported: { 'dynamic-import': false },
        outfile: join(folder, `${name}.js`),
      });
    }
  }
}
