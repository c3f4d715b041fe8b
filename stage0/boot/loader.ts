import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeFileName, compileScript, readIfThere, wrapModule } from './compile.ts';

// How the built program loads its own code. Node's loader looks at several
// files for every one that it loads, and its compile cache holds only what was
// compiled while loading; together that cost a third of `gantry run`. Here the
// chunks that every run needs lie in one file, and V8's code, taken after a
// whole run, lies beside it.

/** The file that the chunks of every run are packed into: an object of functions by the chunk's name. */
export const PACK = 'pack.js';

interface Module {
  exports: unknown;
}

type Wrapper = (
  module: Module,
  exports: unknown,
  load: (wanted: string) => unknown,
  path: string,
) => void;

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
  const packPath = join(lib, PACK);
  const packed = readIfThere(packPath);
  const pack =
    packed === undefined ? {} : (evaluate(packPath, packed.toString()) as Record<string, Wrapper>);
  const loaded = new Map<string, Module>();

  const load = (name: string): unknown => {
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;

    const path = join(lib, name);
    const wrapper =
      pack[name] ?? (evaluate(path, wrapModule(readFileSync(path, 'utf8'))) as Wrapper);
    const module: Module = { exports: {} };
    loaded.set(name, module);
    wrapper(module, module.exports, require, path);
    return module.exports;
  };
  const require = (wanted: string): unknown =>
    wanted.startsWith('./') ? load(wanted.slice(2)) : process.getBuiltinModule(wanted);

  return load;
}
