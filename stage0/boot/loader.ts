import { basename, join } from 'node:path';
import { codeFileName, compileScript, readIfThere, wrapModule } from './compile.ts';
import {
  type CodeFile,
  chunkReader,
  packedNames,
  type ProgramFiles,
  takeFile,
} from './program-files.ts';

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

/** What a pack exports: by the names of its chunks what makes the exports of each. */
interface Pack {
  readonly chunks: Readonly<Record<string, () => object>>;
}

interface UnreadPack {
  /** The names of its chunks. */
  readonly names: () => readonly string[];
  readonly take: () => Script;
}

/** A pack, read when it is asked for something. */
function unreadPack({ path, source: file, code }: CodeFile): UnreadPack {
  // A pack is ASCII, so that V8 need not decode it nor keep two bytes a letter.
  let read: string | undefined;
  const source = (): string => (read ??= takeFile(file).toString('latin1'));

  return {
    names: () => packedNames(source()),
    take: () => ({
      path,
      source: source(),
      code: code === undefined ? undefined : takeFile(code),
    }),
  };
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
  const packs = new Set(program.packs.map(unreadPack));
  /** Opens the pack with a chunk, when there is one that is not open yet. */
  const openPackWith = (wanted: string): void => {
    const pack = packs.values().find(({ names }) => names().includes(wanted));
    if (pack === undefined) return;
    packs.delete(pack);
    const { chunks } = evaluate(pack.take()) as Pack;
    for (const name of Object.keys(chunks)) packed.set(name, chunks);
  };
  /** The exports of a chunk of an open pack. */
  const unpack = (name: string): Module | undefined => {
    const made = packed.get(name)?.[name]?.();
    if (made === undefined) return undefined;
    const module = { exports: Object.defineProperty(made, '__esModule', { value: true }) };
    loaded.set(name, module);
    return module;
  };
  const packed = new Map<string, Pack['chunks']>();
  const loaded = new Map<string, Module>();
  const readChunk = chunkReader(program.chunks);

  const load = (name: string): unknown => {
    if (!loaded.has(name) && !packed.has(name)) openPackWith(name);
    const known = loaded.get(name) ?? unpack(name);
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
