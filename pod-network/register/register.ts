import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { writeFileAtomic } from '#base/fs/atomic';
import { removePath } from '#base/fs/remove-path';
import type { Kernel } from '#base/kernel/kernel';
import { type HeldLock, lockPath } from '#base/lock/directory-lock';
import type { ForwardedPort } from '#stage1';

/**
 * What a pod has of the network that it shares with all other pods of the
 * host, whatever data directory they lie in. It holds until the host is
 * restarted, as the network does.
 */
export interface RegisterEntry {
  readonly version: 1;
  readonly uuid: string;
  readonly podDir: string;
  /** How to start the gantry whose pod it is. */
  readonly gantry: readonly [string, ...string[]];
  /** By which the pod goes: its own name, its host name. */
  readonly names: readonly string[];
  /** The network namespace from which ports lead to the pod, by number. */
  readonly hostNetns: number;
  readonly ports: readonly ForwardedPort[];
  readonly attachments: readonly RegisteredAttachment[];
  /** Hosts files in which other pods are to be found; absolute. */
  readonly hostsFiles: readonly string[];
}

export interface RegisteredAttachment {
  readonly network: string;
  readonly ifName: string;
  /** Without prefix length; none while it is being made. */
  readonly addresses: readonly string[];
}

const REGISTER_DIR = '/run/gantry/network';
const LOCK_FILE = '.lock';
const ENDING = '.json';

const entryPath = (uuid: string): string => join(REGISTER_DIR, `${uuid}${ENDING}`);

/** Keeps everybody else from changing the register; held briefly, and while no plugin runs. */
export function lockRegister(kernel: Kernel): HeldLock {
  mkdirSync(REGISTER_DIR, { recursive: true, mode: 0o755 });
  const path = join(REGISTER_DIR, LOCK_FILE);
  writeFileSync(path, '', { flag: 'a', mode: 0o600 });

  return lockPath(kernel, path, 'exclusive');
}

/** Every pod in the register. What cannot be read is of another version, and passed over. */
export function readRegister(): readonly RegisterEntry[] {
  return entryNames().flatMap((name) => readEntry(name) ?? []);
}

/**
 * As `readRegister`, for what would take from a pod that is passed over.
 * @throws GantryError NETWORK_REGISTER_UNREADABLE
 */
export function demandRegister(): readonly RegisterEntry[] {
  return entryNames().flatMap((name) => {
    const entry = readEntry(name);
    const path = join(REGISTER_DIR, name);
    if (entry !== undefined || !existsSync(path)) return entry ?? [];

    throw new GantryError(
      'NETWORK_REGISTER_UNREADABLE',
      `cannot tell what pod ${basename(name, ENDING)} has of the host's network: "${path}" is of another format than this gantry's`,
      { hint: 'a newer gantry made it: use that one, or stop that pod' },
    );
  });
}

function entryNames(): readonly string[] {
  try {
    return readdirSync(REGISTER_DIR).filter((name) => /^[^.].*\.json$/.test(name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Puts a pod into the register, or in the place of what is known of it. */
export function writeEntry(entry: RegisterEntry): void {
  mkdirSync(REGISTER_DIR, { recursive: true, mode: 0o755 });
  writeFileAtomic(entryPath(entry.uuid), JSON.stringify(entry), { mode: 0o600, durable: false });
}

/** Takes a pod out of the register. @returns whether it was there */
export function removeEntry(uuid: string): boolean {
  const path = entryPath(uuid);
  const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
  if (isThere) removePath(path, { force: true });

  return isThere;
}

/** The number of this thread's network namespace. */
export function ownNetns(): number {
  return statSync('/proc/thread-self/ns/net').ino;
}

/** Undefined when it is gone, or of another version. */
function readEntry(name: string): RegisterEntry | undefined {
  try {
    const entry = JSON.parse(readFileSync(join(REGISTER_DIR, name), 'utf8')) as RegisterEntry;
    return entry.version === 1 ? entry : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
