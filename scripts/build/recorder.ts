import { closeSync, openSync, writeSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import vm from 'node:vm';

// Runs one command of the built program and writes down, when it ends or is
// about to become another program, what scripts it compiled and V8's code of
// each. Arguments: DIST BUILD OUT -- ARGUMENTS. OUT is opened at once, for the command
// may change its root.

const [, , dist = '', build = '', out = '', , ...args] = process.argv;
const fd = openSync(out, 'w');
const scripts = new Map<string, vm.Script>();

class RecordedScript extends vm.Script {
  constructor(source: string, options: vm.ScriptOptions) {
    super(source, options);
    scripts.set(options.filename ?? '', this);
  }
}
Object.assign(vm, { Script: RecordedScript });
syncBuiltinESMExports();

const { createLoader } = await import('../../stage0/boot/loader.ts');
const { openProgram } = await import('../../stage0/boot/program-files.ts');
hookExecve();
process.once('exit', finish);
const lib = join(dist, 'lib');
process.argv = [process.execPath, join(lib, 'boot.js'), ...args];
const program = openProgram({ lib, cache: undefined, build });
if (program === undefined) throw new Error(`there is no build ${build} in "${lib}"`);
createLoader(program)('main.js');

function finish(): void {
  for (const [path, script] of scripts) {
    writeSync(fd, `${path}\t${script.createCachedData().toString('base64')}\n`);
  }
  scripts.clear();
  closeSync(fd);
}

interface NativeLibrary {
  func(prototype: string): unknown;
}

/** Ends the process where the program would become another one. */
function hookExecve(): void {
  const dlopen = process.dlopen.bind(process);
  process.dlopen = (module: { exports: unknown }, ...rest) => {
    dlopen(module, ...rest);
    const native = module.exports as { load(path: string): NativeLibrary; errno(): number };
    module.exports = {
      errno: () => native.errno(),
      load: (path: string): NativeLibrary => {
        const library = native.load(path);
        return {
          func: (prototype) =>
            prototype.includes(' execve(') ? () => process.exit(0) : library.func(prototype),
        };
      },
    };
  };
}
