import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeFileName, compileScript, readIfThere, wrapModule } from './compile.ts';

// How the built program loads its own code. Node's loader looks at several
// files for every one that it loads, and its compile cache holds only what was
// compiled while loading; together that cost a third of `gantry run`. Here the
// chunks that every run needs lie in one file, and V8's code, taken after a
// whole run, lies beside it.

/**
 * The files that chunks are packed into, each an object of functions by the
 * chunk's name: what every command needs, and what a run needs beyond that.
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
    return compileScript(path, source, code).runInThisContext();
  };
  const unread = [...PACKS];
  const packed = new Map<string, Wrapper>();
  const findPacked = (name: string): Wrapper | undefined => {
    while (!packed.has(name) && unread.length > 0) {
      const path = join(lib, unread.shift() ?? '');
      const source = readIfThere(path);
      if (source === undefined) continue;
      const pack = evaluate(path, source.toString()) as Record<string, Wrapper>;
      for (const [chunk, wrapper] of Object.entries(pack)) packed.set(chunk, wrapper);
    }
    return packed.get(name);
  };
  const loaded = new Map<string, Module>();

  const load = (name: string): unknown => {
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;

    const path = join(lib, name);
    const wrapper =
      findPacked(name) ?? (evaluate(path, wrapModule(readFileSync(path, 'utf8'))) as Wrapper);
    const module: Module = { exports: {} };
    loaded.set(name, module);
    wrapper({ module, require, path });
    return module.exports;
  };
  const require = (wanted: string): unknown =>
    wanted.startsWith('./') ? load(wanted.slice(2)) : process.getBuiltinModule(wanted);

  return load;
}
