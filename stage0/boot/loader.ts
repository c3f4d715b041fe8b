import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { codeFileName, compileScript, readIfThere, wrapModule } from './compile.ts';

// How the built program loads its own code. Node's loader looks at several
// files for every one that it loads, and its compile cache holds only what was
// compiled while loading; together that cost a third of `gantry run`. Here the
// chunks that every run needs lie in one file, and V8's code, taken after a
// whole run, lies beside it.

/**
 * The files that chunks are packed into, each a module that exports what its
 * chunks export by their names: what every command needs, and what a run needs
 * beyond that.
 */
export const PACKS = ['pack.js', 'run-pack.js'] as const;

interface Module {
  exports: unknown;
}

interface Scope {
  readonly module: Module;
  readonly require: (wanted: string) => unknown;
  readonly path: string;
}

type Wrapper = (scope: Scope) => void;

/** Where the program lies. */
export interface ProgramFolders {
  /** Chunks. */
  readonly lib: string;
  /** V8's code; undefined to compile everything anew. */
  readonly cache: string | undefined;
}

/** Makes what loads a chunk by name and whatever that asks for, each once. */
export function createLoader({ lib, cache }: ProgramFolders): (name: string) => unknown {
  const evaluate = (path: string, source: string): unknown => {
    const code = cache === undefined ? undefined : join(cache, codeFileName(path));
    const wrapper = compileScript(path, source, code).runInThisContext() as Wrapper;
    const module: Module = { exports: {} };
    loaded.set(basename(path), module);
    wrapper({ module, require, path });
    return module.exports;
  };
  const unread = [...PACKS];
  const openPack = (): void => {
    const path = join(lib, unread.shift() ?? '');
    // A pack is ASCII, so that V8 need not decode it nor keep two bytes a letter.
    const source = readIfThere(path)?.toString('latin1');
    if (source === undefined) return;

    const chunks = evaluate(path, source) as Readonly<Record<string, object>>;
    for (const name of Object.keys(chunks)) {
      const exports = Object.defineProperty(chunks[name] ?? {}, '__esModule', { value: true });
      loaded.set(name, { exports });
    }
  };
  const loaded = new Map<string, Module>();

  const load = (name: string): unknown => {
    while (!loaded.has(name) && unread.length > 0) openPack();
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;

    const path = join(lib, name);
    return evaluate(path, wrapModule(readFileSync(path, 'utf8')));
  };
  const require = (wanted: string): unknown =>
    wanted.startsWith('./') ? load(wanted.slice(2)) : process.getBuiltinModule(wanted);

  return load;
}
