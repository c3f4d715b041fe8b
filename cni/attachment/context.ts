import type { Kernel } from '#base/kernel/kernel';
import type { PluginVersions } from '../invoke/plugin-versions.ts';
import type { PluginRunner } from '../invoke/run-plugin.ts';
import type { AttachmentStore } from './attachment-store.ts';

/** What every operation works with. */
export interface CniContext {
  readonly runner: PluginRunner;
  readonly versions: PluginVersions;
  readonly store: AttachmentStore;
  readonly kernel: Kernel;
  /** Folder of the networks' locks. */
  readonly locksDir: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
