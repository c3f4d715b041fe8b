import { dirname, join } from 'node:path';
import { createLoader } from './loader.ts';

// The first code of the built program, `PROGRAM/lib/boot.js`.

const lib = dirname(process.argv[1] ?? '');
createLoader({ lib, cache: join(dirname(lib), 'cache') })('main.js');
