import { dirname, join } from 'node:path';
import { exitStatusOf, nodeExec } from '#base/exec/node-exec';
import { buildDistIfStale } from './build/dist.ts';
import { ensurePackages } from './setup/packages.ts';

const top = dirname(import.meta.dirname);

process.exitCode = await main();

/**
 * `npm start`: set-up, build, then the main job as a user would do it. That
 * runs in a network and mount namespace of its own: the port that discovery
 * needs is free there whatever the machine serves, the demonstration's host
 * name is known, and nothing outside can be touched.
 */
async function main(): Promise<number> {
  if (process.geteuid?.() !== 0) {
    process.stderr.write('start: cannot set up and run pods: not root\nhint: sudo npm start\n');
    return 1;
  }

  await ensurePackages('run');
  if (await buildDistIfStale())
    process.stderr.write('start: built dist/gantry and the stage1 images\n');

  const result = await nodeExec.run({
    argv: [
      'unshare',
      '--net',
      '--mount',
      '--propagation=slave',
      process.execPath,
      join(top, 'scripts', 'demo', 'main.ts'),
    ],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' },
    cwd: top,
    stdin: 'inherit',
    stdout: 'inherit',
    stderr: 'inherit',
  });

  return exitStatusOf(result);
}
