import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '#base/errors/gantry-error';
import type { ExecResult, RunningProgram } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/node-exec';
import { flockDirectory } from '#base/lock/flock-path';
import { type ProbeVerb, readFacts } from '../probe/verbs.ts';
import { makeImage, type TestImage } from './image-maker.ts';
import { type CallOptions, createPodContext, type PodContext } from './pod-context.ts';

/** Of a pod that all tests of a file share, on the busiest machine. */
const POD_LIMIT_MS = 900_000;
const UNSIGNED = '--insecure-options=image';

/** A context with images in its store, and the ways in which tests of nspawn pods run them. */
export interface NspawnPods extends AsyncDisposable {
  readonly context: PodContext;
  /** Makes an image and fetches it. */
  add(image: TestImage): Promise<void>;
  /** `gantry run ARGS`, with `also` among the insecure options. */
  run(args: readonly string[], options?: RunChange): Promise<ExecResult>;
  /** Runs an image's probe with the caller's own streams, so that its output comes as it is. */
  probe(image: string, verbs: readonly ProbeVerb[], flags?: readonly string[]): Promise<Facts>;
  /** Starts a pod and waits until its apps say `ready`. */
  start(args: readonly string[], options?: CallOptions): Promise<StartedPod>;
}

export type RunChange = CallOptions & { readonly also?: string };
export type Facts = (verb: ProbeVerb) => readonly string[];

export interface StartedPod {
  readonly uuid: string;
  readonly program: RunningProgram;
  readonly dir: string;
}

/** Makes a context for nspawn pods. */
export function createNspawnPods(): NspawnPods {
  const context = createPodContext();
  const run = async (
    args: readonly string[],
    { also, ...options }: RunChange = {},
  ): Promise<ExecResult> =>
    await context.gantry(
      ['run', also === undefined ? UNSIGNED : `${UNSIGNED},${also}`, ...args],
      options,
    );

  return {
    context,
    run,
    async add(image) {
      const path = await makeImage(context.workDir, image);
      demandSuccess(await context.gantry([UNSIGNED, 'fetch', path]), `fetch ${path}`);
    },
    async probe(image, verbs, flags = []) {
      const result = await run([
        '--interactive',
        ...flags,
        image,
        '--exec=/bin/probe',
        '--',
        ...verbs,
      ]);
      const facts = readFacts(demandSuccess(result, 'run the probe').stdout.toString());
      return (verb) => facts.get(verb) ?? [];
    },
    async start(args, options = {}) {
      const file = join(context.workDir, `uuid-${Math.random()}`);
      const program = context.start(['run', UNSIGNED, `--uuid-file-save=${file}`, ...args], {
        timeoutMs: POD_LIMIT_MS,
        ...options,
      });
      await said(program, 'ready');
      const uuid = readFileSync(file, 'utf8').trim();
      return { uuid, program, dir: join(context.dataDir, 'pods', 'run', uuid) };
    },
    [Symbol.asyncDispose]: () => context[Symbol.asyncDispose](),
  };
}

async function said(program: RunningProgram, word: string): Promise<void> {
  let text = '';
  await new Promise<void>((resolve, reject) => {
    program.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(word)) resolve();
    });
    program.ended.then(
      (result) => reject(new Error(`the pod ended first: ${text}${result.stderr}`)),
      reject,
    );
  });
}

/** The pod's cgroups that are left, in any hierarchy. */
export function cgroupsOf(uuid: string): readonly string[] {
  return globSync(`/sys/fs/cgroup/**/gantry-${uuid}`);
}

/** The processes in a pod's cgroups. */
export function processesOf(uuid: string): readonly number[] {
  const files = cgroupsOf(uuid).flatMap((dir) => globSync(`${dir}/**/cgroup.procs`));

  return [...new Set(files.flatMap(processesIn))];
}

/** A cgroup may go while its file is read. */
function processesIn(file: string): readonly number[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number);
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }
}

/** The process that waits for the end of a pod. */
export function waiterOf(dir: string): number | undefined {
  return readdirSync('/proc')
    .map(Number)
    .find((pid) => {
      const [program, ...args] = commandLine(pid);
      return program === 'flock' && args.includes(flockDirectory(dir));
    });
}

/** The argument vector of a process; empty when it is gone. */
export function commandLine(pid: number): readonly string[] {
  const path = `/proc/${pid}/cmdline`;
  try {
    return existsSync(path) ? readFileSync(path, 'utf8').split('\0') : [];
  } catch {
    return [];
  }
}

/** Waits until something is so, looking every 20 ms. @throws Error when it is not after `limitMs` */
export async function until(
  what: string | (() => string),
  isSo: () => boolean,
  limitMs = 30_000,
): Promise<void> {
  for (const end = Date.now() + limitMs; Date.now() < end; await sleep(20)) if (isSo()) return;
  const text = typeof what === 'string' ? what : what();
  throw new Error(`waited ${limitMs} ms in vain until ${text}`);
}
