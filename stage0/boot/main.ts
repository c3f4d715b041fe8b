import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createLoader } from './loader.ts';
import { openProgram } from './program-files.ts';

// The first code of the built program, `PROGRAM/lib/boot.js`.

/** Which build this is; the bundler puts it in. */
declare const BUILD: string;

const [, self = ''] = process.argv;
const lib = dirname(self);
const program = openProgram({ lib, cache: join(dirname(lib), 'cache'), build: BUILD });
if (program === undefined) startAgain();
else {
  // For stage0/config to read.
  process.env['GANTRY_PROGRAM_FDS'] = `${program.worker} ${program.addon}`;
  createLoader(program)('main.js');
}

/** Another build has taken this one's place since Node read this file. */
function startAgain(): never {
  if (readFileSync(self, 'utf8').includes(BUILD)) {
    throw new Error(`gantry: "${lib}" is not whole: install it again`);
  }
  const { execPath, execArgv, argv, env } = process;
  const given = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );

  return process.execve?.(
    execPath,
    [execPath, ...execArgv, ...argv.slice(1)],
    Object.fromEntries(given),
  ) as never;
}
