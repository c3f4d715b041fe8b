import type { JsonObject } from '../config/json.ts';
import type { NetworkConfig } from '../config/network-config.ts';
import type { AttachmentParameters } from '../invoke/parameters.ts';
import type { CniResult } from '../result/result.ts';
import type { CniVersion } from '../version/cni-version.ts';

/** An attachment as it is kept on disk, with all that ADD was given and gave. */
export interface Attachment {
  /**
   * `attaching`: ADD was begun, and not finished or not undone; only DEL may
   * follow. `attached`: ADD gave `result`.
   */
  readonly state: 'attaching' | 'attached';
  /** The network as it was configured when ADD was begun. */
  readonly network: NetworkConfig;
  /** The version in which the plugins were called. */
  readonly version: CniVersion;
  readonly parameters: AttachmentParameters;
  /** When ADD was begun, milliseconds since 1970. */
  readonly time: number;
  /** What ADD gave; undefined while attaching. */
  readonly result: CniResult | undefined;
  /** The same as the last plugin wrote it, in the form of `version`. */
  readonly rawResult: JsonObject | undefined;
}
