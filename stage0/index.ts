export type { FetchOptions, OperationContext, Stage1Config } from './operations/context.ts';
export { type EnterRequest, enterPod } from './operations/enter.ts';
export { collectGarbage, type GcOptions } from './operations/gc.ts';
export { findPod, listPods, type PodSelector, podStatus } from './operations/list.ts';
export type {
  AppStatus,
  GcOutcome,
  PodListing,
  PodResult,
  PodStatus,
  PrepareOutcome,
  RunOutcome,
} from './operations/outcomes.ts';
export { prepare } from './operations/prepare.ts';
export { removePods } from './operations/remove.ts';
export type {
  AppRequest,
  DnsRequest,
  HostsEntry,
  InsecureOptions,
  MountRequest,
  PrepareRequest,
  PullPolicy,
  RunOptions,
  RunPreparedRequest,
  RunRequest,
  Stage1Choice,
} from './operations/requests.ts';
export { run } from './operations/run.ts';
export { runPrepared } from './operations/run-prepared.ts';
export { type StopOptions, stopPods } from './operations/stop.ts';
export { imagesInUse } from './pod/used-images.ts';
