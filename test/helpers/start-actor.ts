import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { build } from 'esbuild';

/** The program of `store-actor.ts` in one file, which starts in a fifth of the time of its sources. */
export interface ActorProgram {
  readonly path: string;
  remove(): void;
}

/** Makes it, in a folder of its own. */
export async function buildActor(): Promise<ActorProgram> {
  const folder = mkdtempSync(join(tmpdir(), 'actor-'));
  const path = join(folder, 'store-actor.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, '../doubles/store-actor.ts')],
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });

  return { path, remove: () => rmSync(folder, { recursive: true }) };
}

/** A process that uses a store. */
export interface Actor {
  readonly child: ChildProcess;
  /** Settles when it is about to begin. */
  readonly ready: Promise<unknown>;
  /** The lines after `ready`; rejects with what is on its stderr when it failed by itself. */
  readonly said: Promise<readonly string[]>;
}

/** What a process is to do. */
export interface Part {
  /** The store's folder. */
  readonly dir: string;
  readonly action: string;
  readonly argument?: string;
  /** `UID:GID`; root unless told. */
  readonly identity?: string;
}

/** Starts a process. */
export function startActor(
  program: ActorProgram,
  { dir, action, argument = '', identity }: Part,
): Actor {
  const child = spawn(process.execPath, [program.path, dir, action, argument], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(identity === undefined ? {} : { ACTOR_IDENTITY: identity }) },
  });
  const [output, errors] = [text(child.stdout), text(child.stderr)];
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  const begun = new Promise((resolve) => {
    child.stdout.once('data', resolve);
  });
  const said = ended.then(async (code) => {
    if (code !== 0 && !child.killed) throw new Error(`${action} ${argument}: ${await errors}`);
    return (await output).trim().split('\n').slice(1);
  });

  return { child, ready: Promise.race([begun, ended]), said };
}
