import { basename, join } from 'node:path';
import { codeFileName, compileScript, readIfThere, wrapModule } from './compile.ts';
import { chunkReader, type ProgramFiles, takeFile } from './program-files.ts';

// How the built program loads its own code. Node's loader looks at several
// files for every one that it loads, and its compile cache holds only what was
// compiled while loading; together that cost a third of `gantry run`. Here the
// chunks that every run needs lie in one file, and V8's code, taken after a
// whole run, lies beside it.

interface Module {
  exports: unknown;
}

interface Scope {
  readonly module: Module;
  readonly require: (wanted: string) => unknown;
  readonly path: string;
}

type Wrapper = (scope: Scope) => void;

interface Script {
  readonly path: string;
  readonly source: string;
  readonly code: Buffer | undefined;
}

/** Makes what loads a chunk by name and whatever that asks for, each once. */
export function createLoader(program: ProgramFiles): (name: string) => unknown {
  const { lib, cache } = program;
  const evaluate = ({ path, source, code }: Script): unknown => {
    const wrapper = compileScript(path, source, code).runInThisContext() as Wrapper;
    const module: Module = { exports: {} };
    loaded.set(basename(path), module);
    wrapper({ module, require, path });
    return module.exports;
  };
  const unread = [...program.packs];
  const openPack = (): void => {
    const pack = unread.shift();
    if (pack === undefined) return;
    // A pack is ASCII, so that V8 need not decode it nor keep two bytes a letter.
    const source = takeFile(pack.source).toString('latin1');
    const code = pack.code === undefined ? undefined : takeFile(pack.code);
    const chunks = evaluate({ path: pack.path, source, code }) as Readonly<Record<string, object>>;
    for (const name of Object.keys(chunks)) {
      const exports = Object.defineProperty(chunks[name] ?? {}, '__esModule', { value: true });
      loaded.set(name, { exports });
    }
  };
  const loaded = new Map<string, Module>();
  const readChunk = chunkReader(program.chunks);

  const load = (name: string): unknown => {
    while (!loaded.has(name) && unread.length > 0) openPack();
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;

    const path = join(lib, name);
    // The name of a chunk stands for its content, so the code of another build is its code.
    const code = cache === undefined ? undefined : readIfThere(join(cache, codeFileName(path)));
    return evaluate({ path, source: wrapModule(readChunk(name)), code });
  };
  const require = (wanted: string): unknown =>
    wanted.startsWith('./') ? load(wanted.slice(2)) : process.getBuiltinModule(wanted);

  return load;
}
