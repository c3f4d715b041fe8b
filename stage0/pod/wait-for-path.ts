import { lstatSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Waits until there is something at a path, as far as there are folders to
 * watch on the way to it. What is there may be a link that leads nowhere.
 * @param signal ends the wait early
 */
export async function waitForPath(path: string, signal: AbortSignal): Promise<void> {
  while (!isThere(path) && !signal.aborted) {
    const nearest = nearestThere(path);
    await new Promise<void>((resolve) => {
      const watcher = watch(nearest, () => done());
      const done = (): void => {
        watcher.close();
        signal.removeEventListener('abort', done);
        resolve();
      };
      watcher.once('error', done);
      signal.addEventListener('abort', done, { once: true });
      // It may have come before the watching began.
      if (nearestThere(path) !== nearest) done();
    });
  }
}

function nearestThere(path: string): string {
  return isThere(path) ? path : nearestThere(dirname(path));
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
