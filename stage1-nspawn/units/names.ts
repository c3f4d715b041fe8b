import type { AcName } from '#schema/types/names';

// Names of units. An app's name has no "_" and no "@" (AC Name), so none of
// ours is ever an app's.

/** The last unit of a pod: PID 1 exits with it. */
export const EXIT_UNIT = 'systemd-exit.service';

/** Active as long as any app is; when it goes, the pod ends. */
export const LIVE_TARGET = 'apps_live.target';

/** Started with `exit.target`: the node that it listens on tells reapers that the pod is ending anyway. */
export const STOPPING_SOCKET = 'apps_stopping.socket';

/** Active when all apps are up. */
export const READY_SOCKET = 'apps_ready.socket';

/** What runs when an app has ended well, and when it has failed. */
export const endedUnitName = (app: string): string => `app_ended@${app}.service`;
export const failedUnitName = (app: string): string => `app_failed@${app}.service`;

/** What marks that an app has been started, and that it has said that it is ready. */
export const startedSocketName = (app: string): string => `app_started@${app}.socket`;
export const upSocketName = (app: string): string => `app_up@${app}.socket`;

/** An app's output. */
export type StreamName = 'stdout' | 'stderr';

/** What holds a stream of an app open. @param app empty for the template */
export const streamSocketName = (stream: StreamName | 'stdin', app: string): string =>
  `${stream}@${app}.socket`;

/** What marks that everything an app said has been written where clients read it. */
export const streamOverName = (stream: StreamName, app: string): string =>
  `${stream}_over@${app}.socket`;

/** What has the other end of an app's terminal. */
export const terminalName = (app: string): string => `terminal@${app}.service`;

/** What holds the sockets that an app is started with. */
export const socketsName = (app: AcName): string => `app_sockets@${app}.socket`;

/** Reached when an app and its reaper are over. */
export const overTargetName = (app: string): string => `app_over@${app}.target`;

/** After it what still waits for the caller is given up. */
export const STALLED_TIMER = 'caller_stalled.timer';

/** What an app that is started again waits for. @param app `%i` in the template */
export const backoffName = (app: string): string => `app_backoff@${app}.service`;
