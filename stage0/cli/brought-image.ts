import { isRoot } from '#base/kernel/is-root';
import type { Log } from '#base/log/log';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import type { Library } from '../operations/library.ts';
import { foreignMachine, thisMachine } from '../operations/machine.ts';
import { shortKey } from './image-argument.ts';
import type { Workplace } from './workplace.ts';

/** An image that has come into the store, and how its key is printed. */
export interface BroughtImage {
  /** Kept from being removed by the caller. */
  readonly key: ImageKey;
  /** Whether all of it. */
  readonly full: boolean | undefined;
}

/** Renders an image that was brought into the store, where that is allowed, and prints its key. */
export async function tellBrought(
  workplace: Workplace,
  { store }: Library,
  { key, full }: BroughtImage,
): Promise<void> {
  warnOfForeign(store.manifest(key), workplace.context.log);
  if (isRoot()) await store.renderTree(key);
  workplace.talk.quiet();
  workplace.call.output.write(`${full === true ? key : shortKey(key)}\n`);
}

/** Bringing one for another machine is fine, to export it say; running it here is not. */
function warnOfForeign(manifest: ImageManifest, log: Log): void {
  const machine = foreignMachine(manifest);
  if (machine === undefined) return;

  log.warning(
    `image "${manifest.name}" is for ${machine} and cannot run on this machine, ${thisMachine()}`,
  );
}
