import { dirname, join } from 'node:path';
import { nodeExec } from '#base/exec/node-exec';
import { buildDistIfStale } from './build/dist.ts';
import { ensurePackages } from './setup/packages.ts';

const top = dirname(import.meta.dirname);
const bin = join(top, 'node_modules', '.bin');

/** The test projects, a step after the other. */
const STEPS: readonly (readonly Vitest[])[] = [
  [{ args: ['--project=unit', '--project=functional'] }],
  twoLanes('privileged'),
  twoLanes('races'),
];

/**
 * Tests that run pods take one file at a time and mostly wait, so two lanes
 * share them, each in a mount namespace of its own, where it does not meet what
 * the other has mounted.
 */
function twoLanes(project: string): readonly Vitest[] {
  return ['1/2', '2/2'].map((share) => ({
    args: [`--project=${project}`, `--shard=${share}`],
    apart: true,
  }));
}

/** One call of vitest. */
interface Vitest {
  readonly args: readonly string[];
  readonly apart?: true;
}

process.exitCode = await main(process.argv.slice(2));

/** `npm test`: set-up, the static checks, the build, then every test project. With arguments only what they name, to vitest. */
async function main(args: readonly string[]): Promise<number> {
  await ensurePackages('test');

  const checked = await run(['npm', 'run', '--silent', 'check']);
  if (checked !== 0) return checked;

  if (await buildDistIfStale()) process.stderr.write('test: built dist\n');
  const steps = args.length > 0 ? [[{ args }]] : STEPS;
  let worst = 0;
  for (const step of steps) {
    const statuses = await Promise.all(step.map(async (call, lane) => await test(call, lane > 0)));
    worst = Math.max(worst, ...statuses);
  }
  if (steps.length > 1) process.stderr.write(`test: ${worst === 0 ? 'passed' : 'failed'}\n`);

  return worst;
}

async function test({ args, apart }: Vitest, late: boolean): Promise<number> {
  const vitest = ['vitest', 'run', ...args] as const;
  const isolated = apart === true && process.geteuid?.() === 0;

  return await run(
    isolated ? ['unshare', '--mount', '--propagation=slave', ...vitest] : vitest,
    late,
  );
}

/** @param late whether what it prints is shown when it has ended, so that it does not mingle with something else */
async function run(argv: readonly [string, ...string[]], late = false): Promise<number> {
  process.stderr.write(`test: ${argv.join(' ')}\n`);
  const { exitCode, stdout, stderr } = await nodeExec.run({
    argv,
    env: environment(),
    cwd: top,
    ...(late ? {} : { stdout: 'inherit', stderr: 'inherit' }),
  });
  process.stdout.write(stdout);
  process.stderr.write(stderr);

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
