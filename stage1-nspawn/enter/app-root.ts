import { appRootfsInside } from '#stage1';

/** Where a command enters an app. */
export interface AppRoot {
  /** The process whose namespaces are joined. */
  readonly target: number;
  /** The app's root, as the host sees it. */
  readonly root: string;
}

/**
 * The namespaces and root of an app's own process, which has everything
 * mounted; of an app that has ended, what PID 1 has of its root.
 */
export function appRoot(pid1: number, appPid: number | undefined, app: string): AppRoot {
  if (appPid !== undefined) return { target: appPid, root: `/proc/${appPid}/root` };

  return { target: pid1, root: `/proc/${pid1}/root${appRootfsInside(app)}` };
}
