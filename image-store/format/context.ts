import type { Kernel } from '#base/kernel/kernel';
import type { Log } from '#base/log/log';

/** What every operation on an open store needs. */
export interface StoreContext {
  /** The store's folder, `DATA/cas`. */
  readonly dir: string;
  readonly kernel: Kernel;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Number of the group that new folders belong to; undefined for the caller's own. */
  readonly groupId: number | undefined;
}
