import { closeSync, openSync } from 'node:fs';
import type { Fd } from '#base/kernel/kernel';

/** Lower directories of an overlay, open until disposed of. */
export interface OpenLayers extends Disposable {
  /** The value of the option `lowerdir`. */
  readonly option: string;
}

/**
 * Opens lower directories for a mount of an overlay. The options of a mount fit
 * one page: the paths of more than a few layers do not, their descriptors do.
 * @param lowers the top one first
 */
export function openLayers(lowers: readonly string[]): OpenLayers {
  const [only, ...others] = lowers;
  if (only !== undefined && others.length === 0) return { option: only, [Symbol.dispose]() {} };

  const fds: Fd[] = [];
  const close = (): void => fds.splice(0).forEach((fd) => closeSync(fd));
  try {
    for (const lower of lowers) fds.push(openSync(lower, 'r'));
    return {
      option: fds.map((fd) => `/proc/self/fd/${fd}`).join(':'),
      [Symbol.dispose]: close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
