import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecRequest, ExecResult, RunningProgram } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';

const top = dirname(dirname(import.meta.dirname));

/** The built program. */
export const GANTRY: string = join(top, 'dist', 'gantry');

/** How one call of the program differs from the usual. */
export type CallOptions = Partial<Omit<ExecRequest, 'argv'>>;

/**
 * Folders of its own for one test, turned into the program's own flags. When
 * it is disposed of, its pods are collected without grace and everything is
 * removed.
 */
export interface PodContext extends AsyncDisposable {
  readonly dir: string;
  readonly dataDir: string;
  readonly systemConfig: string;
  readonly localConfig: string;
  /** A folder for images and whatever the test makes. */
  readonly workDir: string;
  /** Runs `gantry FLAGS ARGS` to its end. */
  gantry(args: readonly string[], options?: CallOptions): Promise<ExecResult>;
  /** Starts it with its streams in hand. */
  start(args: readonly string[], options?: CallOptions): RunningProgram;
  /** The argument vector, for tests that start it through another program. */
  argv(...args: readonly string[]): [string, ...string[]];
}

const TIME_LIMIT_MS = 120_000;

/** Makes the folders of a test. */
export function createPodContext(): PodContext {
  const dir = mkdtempSync(join(tmpdir(), 'gantry-test-'));
  const folders = {
    dataDir: join(dir, 'data'),
    systemConfig: join(dir, 'system'),
    localConfig: join(dir, 'local'),
    workDir: join(dir, 'work'),
  };
  for (const folder of Object.values(folders)) mkdirSync(folder);
  const argv = (...args: readonly string[]): [string, ...string[]] => [
    GANTRY,
    `--dir=${folders.dataDir}`,
    `--system-config=${folders.systemConfig}`,
    `--local-config=${folders.localConfig}`,
    ...withoutNetwork(args),
  ];
  const request = (args: readonly string[], options: CallOptions): ExecRequest => ({
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    timeoutMs: TIME_LIMIT_MS,
    ...options,
    argv: argv(...args),
  });
  const gantry = (args: readonly string[], options: CallOptions = {}): Promise<ExecResult> =>
    nodeExec.run(request(args, options));

  return {
    dir,
    ...folders,
    argv,
    gantry,
    start: (args, options = {}) => nodeExec.stream(request(args, options)),
    async [Symbol.asyncDispose]() {
      if (existsSync(join(folders.dataDir, 'pods'))) {
        await stopEverything(folders.dataDir, gantry);
        await gantry(['gc', '--grace-period=0s', '--expire-prepared=0s']);
      }
      rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

/**
 * Pods of tests have no network unless the test says which: what is tested is
 * faster so, and touches nothing on this host. fly pods cannot but have the host's.
 */
function withoutNetwork(args: readonly string[]): readonly string[] {
  const at = args.findIndex((arg) => !arg.startsWith('--'));
  const says = args.some((arg) => /^--(?:net\b|stage1-(?!name=nspawn$))/.test(arg));

  return args[at] !== 'run' || says ? args : args.toSpliced(at + 1, 0, '--net=none');
}

async function stopEverything(
  dataDir: string,
  gantry: (args: readonly string[]) => Promise<ExecResult>,
): Promise<void> {
  const folder = join(dataDir, 'pods', 'run');
  const uuids = existsSync(folder) ? readdirSync(folder) : [];
  if (uuids.length > 0) await gantry(['stop', '--force', ...uuids]);
}

/** The lines of this process's mount table that lead below a folder: a test's proof that nothing leaked. */
export function mountsBelow(folder: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${folder}`));
}
