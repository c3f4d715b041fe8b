import { TERMINAL_MARK } from './streams.ts';

/** Where the program that starts journald lies inside stage1. */
export const JOURNALD_STARTER_PATH = '/usr/lib/gantry/journald';

/**
 * Starts journald, which shows on the console what apps say. A console ends
 * lines with CR and LF; whoever reads gantry's output expects them as the app
 * wrote them.
 */
export function journaldStarter(): string {
  return `#!/bin/sh
[ -e ${TERMINAL_MARK} ] || /usr/bin/busybox stty -F /dev/console -onlcr
exec /usr/lib/systemd/systemd-journald
`;
}
