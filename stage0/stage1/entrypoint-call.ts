import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { errorCode, errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import { exitStatusOf } from '#base/exec/exec-result';
import { LONGEST_TIMER_MS } from '#base/time/deadline';
import {
  type Entrypoint,
  type EntrypointHost,
  type EntrypointName,
  LOADED_ENTRYPOINT,
} from '#stage1';
import { codeFileName, compileScript, readIfThere, wrapModule } from '../boot/compile.ts';
import type { OperationContext } from '../operations/context.ts';
import { refusalOf } from './become-entrypoint.ts';
import { blame, callModule } from './call-module.ts';
import { entrypointPath, type Flavor, isOwn } from './flavor.ts';
import { loaded } from './loaded.ts';

/** A stage1 as a pod has it. */
export interface PodStage1 {
  readonly flavor: Flavor;
  /** Of the rendered tree: JavaScript is loaded from there, for compiled code is cached by path. */
  readonly treeRootfs: string;
  /** As the pod has it, in its own mount namespace: there `run` is executed; other programs start from outside. */
  readonly podRootfs: string;
}

/** How an entrypoint is to be called. */
export interface EntrypointCall {
  readonly name: EntrypointName;
  readonly podDir: string;
  /** Without the entrypoint's own path. */
  readonly args: readonly string[];
  /** Variables of the contract. */
  readonly env: Readonly<Record<string, string>>;
  readonly callerMounts?: number | undefined;
}

/** How one that comes back (`stop`, `gc`) is. */
export interface LimitedCall extends EntrypointCall {
  /** How long it may take; infinite for as long as it takes. */
  readonly timeoutMs: number;
}

/** An entrypoint that has been found: a module to call, or a program to execute. */
export type FoundEntrypoint =
  | { readonly kind: 'module'; readonly path: string; readonly entrypoint: Entrypoint }
  | { readonly kind: 'program'; readonly path: string };

/**
 * Finds an entrypoint, and loads it when it is JavaScript.
 * @throws GantryError STAGE1_NO_ENTRYPOINT, STAGE1_INVALID, STAGE1_FAILED
 */
export function findEntrypoint(
  { programDir }: Pick<OperationContext, 'programDir'>,
  stage1: PodStage1,
  name: EntrypointName,
): FoundEntrypoint {
  const { flavor, treeRootfs, podRootfs } = stage1;
  const inside = flavor.entrypoints[name] ?? '';
  if (!LOADED_ENTRYPOINT.test(inside)) {
    const rootfs = name === 'run' ? podRootfs : treeRootfs;
    return { kind: 'program', path: entrypointPath(flavor, name, rootfs) };
  }

  const path = entrypointPath(flavor, name, treeRootfs);
  return { kind: 'module', path, entrypoint: loadEntrypoint(path, { flavor, programDir }) };
}

function loadEntrypoint(
  path: string,
  { flavor, programDir }: { readonly flavor: Flavor; readonly programDir: string },
): Entrypoint {
  const module = loadModule(path, { flavor, programDir });
  if (typeof module === 'object' && module !== null && 'entrypoint' in module) {
    const { entrypoint } = module;
    if (typeof entrypoint === 'function') return entrypoint as Entrypoint;
  }

  throw new GantryError(
    'STAGE1_INVALID',
    `cannot use stage1 image "${flavor.name}": "${path}" exports no entrypoint`,
  );
}

function loadModule(
  path: string,
  { flavor, programDir }: { readonly flavor: Flavor; readonly programDir: string },
): unknown {
  if (!isOwn(flavor)) loaded.foreign = flavor.name;
  try {
    return path.endsWith('.cjs')
      ? loadCommonJs(path, join(programDir, 'cache'))
      : createRequire(path)(path);
  } catch (error) {
    throw isOwn(flavor) ? error : blame(flavor, notLoaded(path, error));
  }
}

function notLoaded(path: string, cause: unknown): Error {
  const [what = ''] = errorMessage(cause).split('\n');

  return new Error(`cannot load "${path}": ${what}`, { cause });
}

/**
 * Loads an entrypoint that is CommonJS: with the code that V8 made of it when
 * the program was built, if it came with the program. Synchronous like
 * require(), hence on this thread and in this thread's namespaces.
 */
function loadCommonJs(path: string, cache: string): unknown {
  const source = wrapModule(readFileSync(path, 'utf8'));
  const script = compileScript(path, source, readIfThere(join(cache, codeFileName(path))));
  const wrapper = script.runInThisContext() as (scope: unknown) => void;
  const module: { exports: unknown } = { exports: {} };
  wrapper({ module, require: requireFrom(path), path });

  return module.exports;
}

/** As createRequire(), which is not loaded for one that asks for nothing but parts of Node. */
function requireFrom(path: string): (wanted: string) => unknown {
  return (wanted) => process.getBuiltinModule(wanted) ?? createRequire(path)(wanted);
}

/** What a loaded entrypoint is handed. */
export function entrypointHost(
  context: OperationContext,
  path: string,
  call: EntrypointCall,
): EntrypointHost {
  const { kernel, exec, log, caller, program } = context;

  return {
    version: 1,
    kernel,
    exec,
    log,
    argv: [path, ...call.args],
    env: { ...context.env, ...call.env },
    podDir: call.podDir,
    caller,
    callerMounts: call.callerMounts,
    gantry: program,
  };
}

/** How long what was asked to end is waited for, before it is killed. */
const KILL_AFTER_MS = 1000;

/**
 * Calls an entrypoint that comes back (`stop`, `gc`): loaded, or as a child. One
 * that takes too long is ended with all that it started; what is loaded is only
 * waited for no longer.
 * @returns its exit status
 * @throws GantryError STAGE1_TIMED_OUT, STAGE1_NOT_EXECUTABLE, EXEC_NOT_STARTED, and what findEntrypoint() and callModule() throw
 */
export async function callEntrypoint(
  context: OperationContext,
  stage1: PodStage1,
  call: LimitedCall,
): Promise<number> {
  const found = findEntrypoint(context, stage1, call.name);
  if (found.kind === 'module') {
    const host = entrypointHost(context, found.path, call);
    const ended = callModule(found.entrypoint, { flavor: stage1.flavor, name: call.name, host });
    return (await within(ended, call.timeoutMs)) ?? timedOut(stage1, call);
  }

  const { flavor } = stage1;
  const result = await context.exec
    .run({
      argv: [found.path, ...call.args],
      env: { ...context.env, ...call.env },
      cwd: call.podDir,
      stdout: 'inherit',
      stderr: 'inherit',
      timeoutMs: call.timeoutMs > LONGEST_TIMER_MS ? undefined : call.timeoutMs,
      killAfterMs: KILL_AFTER_MS,
      wholeGroup: true,
    })
    .catch((error: unknown) => {
      throw refusalOf({ flavor, name: call.name }, startErrno(error), error) ?? error;
    });
  return result.timedOut ? timedOut(stage1, call) : exitStatusOf(result);
}

/** @returns undefined when it took longer; then this process will have to be ended */
async function within<Value>(value: Promise<Value>, timeoutMs: number): Promise<Value | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(
    () => {
      loaded.unfinished = true;
      resolve(undefined);
    },
    Math.min(timeoutMs, LONGEST_TIMER_MS),
  );
  // What waits for nothing else any more is over (callModule), and not to be waited for.
  timer.unref();
  try {
    return await Promise.race([value, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Why a program has not been started. */
const startErrno = (error: unknown): string | undefined =>
  isGantryError(error, 'EXEC_NOT_STARTED') ? errorCode(error.cause) : undefined;

function timedOut({ flavor }: PodStage1, { name, timeoutMs }: LimitedCall): never {
  const seconds = Math.round(timeoutMs / 1000);

  throw new GantryError(
    'STAGE1_TIMED_OUT',
    `stage1 "${flavor.name}" failed: its "${name}" has not ended within ${seconds} s`,
  );
}
