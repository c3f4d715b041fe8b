import { dirname, join } from 'node:path';
import { nodeExec } from '#base/exec/node-exec';
import { buildDistIfStale } from './build/dist.ts';
import { ensurePackages } from './setup/packages.ts';

const top = dirname(import.meta.dirname);
const bin = join(top, 'node_modules', '.bin');

process.exitCode = await main(process.argv.slice(2));

/** `npm test`: set-up, the static checks, the build, then every test project. With arguments only what they name, to vitest. */
async function main(args: readonly string[]): Promise<number> {
  await ensurePackages('test');

  // Neither keeps two processors busy.
  const [checked, built] = await Promise.all([
    run(['npm', 'run', '--silent', 'check']),
    buildDistIfStale(),
  ]);
  if (built) process.stderr.write('test: built dist\n');
  if (checked !== 0) return checked;

  const tested = await run(['vitest', 'run', ...args]);
  if (args.length === 0) process.stderr.write(`test: ${tested === 0 ? 'passed' : 'failed'}\n`);

  return tested;
}

async function run(argv: readonly [string, ...string[]]): Promise<number> {
  process.stderr.write(`test: ${argv.join(' ')}\n`);
  const { exitCode } = await nodeExec.run({
    argv,
    env: environment(),
    cwd: top,
    stdout: 'inherit',
    stderr: 'inherit',
  });

  return exitCode ?? 1;
}

/** The caller's environment less what steers Node, the project's own tools first on PATH. */
function environment(): Record<string, string> {
  const { NODE_OPTIONS: _options, NODE_EXTRA_CA_CERTS: _certificates, ...rest } = process.env;
  const kept = Object.entries(rest).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );

  return {
    ...Object.fromEntries(kept),
    PATH: `${bin}:${rest['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin'}`,
  };
}
