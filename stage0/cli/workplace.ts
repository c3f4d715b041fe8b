import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { type Configuration, readConfiguration } from '../config/configuration.ts';
import type { OperationContext } from '../operations/context.ts';
import type { Call } from './command.ts';
import { type CommandLog, createCommandLog } from './command-log.ts';
import type { GlobalOptions } from './global-options.ts';
import { insecureWords } from './insecure-options.ts';

/** Where pods and images lie unless something else is said. */
const DEFAULT_DATA_DIR = '/var/lib/gantry';

/** What a command needs to do its work. Disposing of it takes progress off the screen. */
export interface Workplace extends Disposable {
  readonly call: Call;
  readonly globals: GlobalOptions;
  readonly talk: CommandLog;
  readonly context: OperationContext;
}

export interface WorkplaceOptions {
  /** Whether to tell of nothing but warnings and errors. */
  readonly quiet?: boolean | undefined;
}

/**
 * Makes what a command works with from its global flags, the configuration and
 * the environment. Whatever is costly is loaded when it is used first.
 * @throws GantryError CONFIG_UNREADABLE, CONFIG_INVALID
 */
export async function openWorkplace(
  call: Call,
  globals: GlobalOptions,
  { quiet = false }: WorkplaceOptions = {},
): Promise<Workplace> {
  const talk = createCommandLog(call.name, { debug: globals.debug, quiet });
  const configuration = await readConfiguration(globals, ['limits.d', 'paths.d', 'stage1.d']);
  const programDir = programDirOf(call.program);
  const context: OperationContext = {
    kernel: linuxKernel,
    exec: nodeExec,
    log: talk.log,
    now: Date.now,
    debug: globals.debug,
    dataDir: dataDirOf(globals, configuration),
    systemConfigDir: globals.systemConfig,
    localConfigDir: globals.localConfig,
    userConfigDir: globals.userConfig,
    programDir,
    workers: { extract: extractWorker(call) },
    program: [join(programDir, 'gantry'), ...globalFlags(globals)],
    env: call.environment.env,
    caller: call.environment.caller,
    stage1Config: () => configuration.stage1,
    stage1ImagesDir: () => configuration.paths.stage1Images,
    imageLimits: configuration.limits,
    fetchImage: async (text, options) => {
      const { fetchForOperation } = await import('./fetching.ts');
      return await fetchForOperation(workplace, { text, ...options });
    },
  };
  const workplace: Workplace = {
    call,
    globals,
    talk,
    context,
    [Symbol.dispose]: () => talk[Symbol.dispose](),
  };
  warnOfInsecure(workplace);

  return workplace;
}

/** What was switched off is said each time: who reads the log of a unit must see it. */
function warnOfInsecure({ globals, talk }: Workplace): void {
  const words = insecureWords(globals.insecure);
  if (words.length > 0) {
    talk.log.warning(
      `--insecure-options: not checked or not protected in this call: ${words.join(', ')}`,
    );
  }
}

function dataDirOf(globals: GlobalOptions, { paths }: Configuration): string {
  return globals.dir ?? realPath(paths.data ?? DEFAULT_DATA_DIR);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return path;
    throw error;
  }
}

/** `PROGRAM/lib/main.js` when built; run from a checkout, what was built there serves. */
function programDirOf(program: string): string {
  const top = dirname(dirname(program));

  return program.endsWith('.js') ? top : join(top, 'dist');
}

/** By what this process has open: another build may lie in the program's folder by then. */
function extractWorker({ program, environment }: Call): readonly [string, ...string[]] {
  const { programFiles } = environment;
  if (programFiles === undefined) {
    const top = dirname(dirname(program));
    return [process.execPath, '--disable-sigusr1', join(top, 'image-store', 'extract-worker.ts')];
  }

  const own = `/proc/${process.pid}`;
  const { worker, addon } = programFiles;
  return [
    `${own}/exe`,
    '--disable-sigusr1',
    // In MB: what an archive of many entries leaves behind is given back in time.
    '--max-semi-space-size=4',
    // The name of what was removed leads nowhere.
    '--preserve-symlinks-main',
    `${own}/fd/${worker}`,
    `${own}/fd/${addon}`,
  ];
}

/** The global flags by which another gantry works on the same things. */
function globalFlags(globals: GlobalOptions): readonly string[] {
  const { debug, dir, systemConfig, localConfig, userConfig } = globals;

  return [
    ...(debug ? ['--debug'] : []),
    ...(dir === undefined ? [] : [`--dir=${dir}`]),
    `--system-config=${systemConfig}`,
    `--local-config=${localConfig}`,
    ...(userConfig === undefined ? [] : [`--user-config=${userConfig}`]),
  ];
}
