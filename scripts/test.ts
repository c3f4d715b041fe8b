import { dirname, join } from 'node:path';
import { nodeExec } from '#base/exec/node-exec';
import { ensurePackages } from './setup/packages.ts';

const top = dirname(import.meta.dirname);
const bin = join(top, 'node_modules', '.bin');

process.exitCode = await main();

/** `npm test`: set-up, the static checks, the build, then every test project. Arguments go to vitest. */
async function main(): Promise<number> {
  await ensurePackages('test');

  const vitest = ['vitest', 'run', ...process.argv.slice(2)];
  for (const argv of [['npm', 'run', '--silent', 'check'], ['node', 'scripts/build.ts'], vitest]) {
    process.stderr.write(`test: ${argv.join(' ')}\n`);
    const [program = '', ...args] = argv;
    const result = await nodeExec.run({
      argv: [program, ...args],
      env: environment(),
      cwd: top,
      stdout: 'inherit',
      stderr: 'inherit',
    });
    if (result.exitCode !== 0) return result.exitCode ?? 1;
  }

  return 0;
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
