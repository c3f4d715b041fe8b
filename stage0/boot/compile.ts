import { readFileSync } from 'node:fs';
import { constants, Script } from 'node:vm';

/**
 * Compiles a script, with V8's code from an earlier run where there is some.
 * V8 looks only at the length of the source, its own version and flags, so
 * the code must belong to this very source; code that V8 does not take is no
 * harm.
 * @param cachedData V8's code, where there is any
 */
export function compileScript(
  path: string,
  source: string,
  cachedData: Buffer | undefined,
): Script {
  return new Script(source, {
    filename: path,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
}

/** The whole of a file, or undefined when it cannot be read. */
export function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** The text of a CommonJS module as a function of `{ module, require, path }`. */
export function wrapModule(source: string): string {
  const names = 'const {module,require,path:__filename}=scope,{exports}=module;';

  return `(function(scope){${names}(function(){${source}\n})()})`;
}

/** The name of the file, in the program's cache, with the code of a script. */
export function codeFileName(path: string): string {
  const [name = '', ...above] = path.split('/').reverse();
  // A stage1's entrypoint lies in a tree whose name stands for its content.
  const tree = above.find((folder) => folder.startsWith('deps-'));

  return tree === undefined ? `${name}.code` : `${tree}-${name}.code`;
}
