import type { AcName } from '#schema/types/names';

/** What an app can be called: units of systemd have 255 bytes, and the longest is `stdout_heard@APP.service`. */
export const MAX_APP_NAME: number = 255 - 'stdout_heard@.service'.length;

/**
 * What runs an app under systemd, and so its cgroup, is called: by its name, as
 * rkt had it, unless that is one of systemd's own. An app's name has no "_" and
 * no "@" (AC Name), so that no other unit of a pod is ever an app's.
 */
export function appUnitName(app: AcName): string {
  return app.startsWith('systemd-') || app === 'init' ? `app_${app}.service` : `${app}.service`;
}
