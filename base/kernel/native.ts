import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { GantryError } from '../errors/gantry-error.ts';

/** A C function as koffi wraps it; `async` calls it on another thread. */
interface NativeFunction {
  (...args: readonly unknown[]): number;
  async(...args: readonly unknown[]): void;
}

interface NativeLibrary {
  func(prototype: string): NativeFunction;
}

interface Koffi {
  load(path: string): NativeLibrary;
  errno(value?: number): number;
}

/** The prototype of ioctl(2), with whatever the request takes. */
export const IOCTL = 'int ioctl(int fd, ulong request, void *argument)';

let addon: string | undefined;
let loaded: { koffi: Koffi; libc: NativeLibrary } | undefined;
const functions = new Map<string, NativeFunction>();

/**
 * Calls a libc function that returns -1 on failure.
 * koffi's native half is opened by itself: its JavaScript half costs 25 ms at
 * start and adds only what is not used here.
 * @param prototype a C prototype, the key of the cache
 * @throws GantryError KERNEL_CALL_FAILED with the errno's name in `errno`
 */
export function callLibc(prototype: string, args: readonly unknown[], what: string): number {
  const native = load();
  const result = wrap(prototype)(...args);
  if (result !== -1) return result;

  throw kernelError(what, native.koffi.errno());
}

/**
 * As `callLibc`, for a failure that is an answer: an error costs as much as ten calls.
 * @returns 0, or the number of the errno
 */
export function askLibc(prototype: string, args: readonly unknown[]): number {
  const native = load();

  return wrap(prototype)(...args) === -1 ? native.koffi.errno() : 0;
}

/**
 * Calls a libc function on another thread, for those that wait. What went wrong
 * cannot be told, for errno is that thread's.
 * @returns what it returned, -1 for a failure
 */
export async function callLibcAside(prototype: string, args: readonly unknown[]): Promise<number> {
  return await new Promise((resolve, reject) => {
    wrap(prototype).async(...args, (error: unknown, result: number) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

function wrap(prototype: string): NativeFunction {
  const known = functions.get(prototype);
  if (known !== undefined) return known;

  const wrapped = load().libc.func(prototype);
  functions.set(prototype, wrapped);
  return wrapped;
}

/** The error of a failed kernel call. @param what the call in words: `mount "a" on "b"` */
export function kernelError(what: string, errno: number): GantryError & { readonly errno: string } {
  const name =
    Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
  const error = new GantryError('KERNEL_CALL_FAILED', `cannot ${what}: ${name}`);

  return Object.assign(error, { errno: name });
}

/** The errno's name of a failed kernel call, undefined for other errors. */
export function kernelErrno(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('errno' in error)) return undefined;

  return typeof error.errno === 'string' ? error.errno : undefined;
}

/** Says where koffi's addon is, before the first call. */
export function useAddon(path: string): void {
  addon = path;
}

function load(): { koffi: Koffi; libc: NativeLibrary } {
  if (loaded !== undefined) return loaded;

  const holder: { exports: unknown } = { exports: {} };
  process.dlopen(holder, addon ?? addonPath());
  const koffi = holder.exports as Koffi;
  loaded = { koffi, libc: koffi.load('libc.so.6') };

  return loaded;
}

/**
 * koffi's addon: beside the built program (`dist/lib`), else in the node_modules
 * that this Node comes from. Never where the caller stands: that may be anybody's.
 */
function addonPath(): string {
  const built = join(dirname(dirname(process.execPath)), 'lib', 'koffi.node');
  if (existsSync(built)) return built;

  const platform = `linux_${process.arch}`;
  const require = createRequire(process.execPath);
  const manifest = require.resolve(`@koromix/koffi-linux-${process.arch}/package.json`);

  return join(dirname(manifest), platform, 'koffi.node');
}
