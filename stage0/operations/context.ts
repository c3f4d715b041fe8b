import type { Exec } from '#base/exec/exec';
import type { Kernel } from '#base/kernel/kernel';
import type { Log } from '#base/log/log';
import type { ImageKey } from '#schema/types/image-hash';
import type { CallerState } from '#stage1';
import type { InsecureOptions, PullPolicy } from './requests.ts';

/** What every operation works with; made once by the front end. Everything costly in it is a function. */
export interface OperationContext {
  readonly kernel: Kernel;
  readonly exec: Exec;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly debug: boolean;
  /** Absolute, links resolved. */
  readonly dataDir: string;
  readonly systemConfigDir: string;
  readonly localConfigDir: string;
  readonly userConfigDir?: string | undefined;
  /** Where the program lies: `stage1/` with its own stage1 images, `lib/` with its code. */
  readonly programDir: string;
  /** How the store's worker programs start. */
  readonly workers: { readonly extract: readonly [string, ...string[]] };
  /** How to start gantry again as it was started: `[path, ...global flags]`. */
  readonly program: readonly [string, ...string[]];
  /** The caller's environment, without what the launcher added (stage0/config/caller). */
  readonly env: Readonly<Record<string, string>>;
  readonly caller: CallerState;
  /** The `stage1` kind of the configuration; undefined when there is none. */
  readonly stage1Config: () => Stage1Config | undefined;
  /** Folder of `--stage1-from-dir`: the `paths` kind's `stage1-images`, or undefined for the program's own. */
  readonly stage1ImagesDir: () => string | undefined;
  readonly imageLimits: ImageLimits;
  /** Brings an image and its dependencies into the store; loads what it needs only when called. */
  readonly fetchImage: (reference: string, options: FetchOptions) => Promise<ImageKey>;
}

/** The `limits` configuration kind: what one image, unpacked, may hold at most. */
export interface ImageLimits {
  readonly maxEntries?: number | undefined;
  readonly maxBytes?: number | undefined;
}

/** The `stage1` configuration kind. */
export interface Stage1Config {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  /** Absolute path or URL. */
  readonly location?: string | undefined;
}

export interface FetchOptions {
  readonly pullPolicy: PullPolicy;
  readonly insecure: InsecureOptions;
  /** A signature file. */
  readonly signature?: string | undefined;
}
