import type { ImageId } from '#schema/types/image-hash';
import type { AcName } from '#schema/types/names';
import type { PodUuid } from '#schema/types/pod-uuid';
import type { AppExitReason, ExitPolicy, NetInfo } from '#stage1';
import type { PodStateName } from '../pod/pod-state.ts';

/** What stage 0's operations return; how it is shown is the front end's. */
export interface PrepareOutcome {
  readonly uuid: PodUuid;
}

/**
 * What `run` returns when it returns at all: the entrypoint ended without
 * replacing the process. The messages have been logged.
 */
export interface RunOutcome {
  readonly exitCode: number;
}

/** rkt's words: `created` before its first start. */
export type AppState = 'unknown' | 'created' | 'running' | 'exited';

export interface AppStatus {
  readonly name: AcName;
  readonly imageId: ImageId;
  /** Undefined when the image's manifest cannot be read. */
  readonly imageName: string | undefined;
  /** Undefined while it runs, and for flavors under which only the caller sees it. */
  readonly exitCode: number | undefined;
  readonly state: AppState;
  /** Why it is not running, where that was noted. */
  readonly reason: AppExitReason | undefined;
  /** Name of the signal that ended it, without SIG. */
  readonly signal: string | undefined;
  /** When it was last started, where that was noted. Milliseconds since 1970. */
  readonly startedAt: number | undefined;
  /** When it ended, likewise. */
  readonly finishedAt: number | undefined;
  /** How often it was started again. */
  readonly restarts: number;
  readonly userAnnotations: Readonly<Record<string, string>>;
  readonly userLabels: Readonly<Record<string, string>>;
}

/** Times are milliseconds since 1970. */
export interface PodStatus {
  readonly uuid: PodUuid;
  /** As it was given by `--pod-name`. */
  readonly name: AcName | undefined;
  /** rkt's words, and `orphaned` for a pod whose processes outlive the one that held it. */
  readonly state: PodStateName;
  readonly createdAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly pid: number | undefined;
  /** Those that it is on, or was. */
  readonly networks: readonly NetInfo[];
  readonly apps: readonly AppStatus[];
  readonly userAnnotations: Readonly<Record<string, string>>;
  readonly userLabels: Readonly<Record<string, string>>;
  /** When it ends. */
  readonly exitPolicy: ExitPolicy;
  /** The flavor that runs it: name of its stage1 image. */
  readonly stage1Name: string | undefined;
  /** What is wrong with its directory, in words. */
  readonly problem: string | undefined;
}

export interface PodListing {
  /** Sorted by UUID. */
  readonly pods: readonly PodStatus[];
  /** Pods that the caller may not even look at: shown after the table. */
  readonly errors: readonly unknown[];
}

export interface PodResult {
  readonly uuid: PodUuid;
  /** Undefined when it worked. */
  readonly error: unknown;
}

/** How the wait for a pod's end came out. */
export interface WaitResult extends PodResult {
  /** Of its first app that failed, or 0; undefined where nobody but the caller of `run` sees it. */
  readonly exitCode: number | undefined;
}

/** What garbage collection did; a pod that failed carries its error. */
export interface GcOutcome {
  readonly marked: readonly PodResult[];
  readonly deleted: readonly PodResult[];
}
