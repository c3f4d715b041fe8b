import type { Setting } from './unit.ts';

/**
 * Where an app's standard streams lead. `log`: nothing comes in; what goes out
 * goes to the pod's journal and is shown to the caller. `terminal`: one that
 * nspawn connects with the caller's. `direct`: the caller's own descriptors.
 */
export type AppStreams = 'log' | 'terminal' | 'direct';

/** Where the descriptors of the pod's first process are mounted, inside stage1, for `direct` streams. */
export const STDIO_DIR = '/rkt/stdio';

/** Exists when the console is an app's terminal: its settings are not to be touched. */
export const TERMINAL_MARK = '/rkt/terminal';

/** The settings of an app's service. @param app how the app is called in the journal */
export function streamSettings(streams: AppStreams, app: string): readonly Setting[] {
  return SETTINGS[streams](app);
}

const SETTINGS: Readonly<Record<AppStreams, (app: string) => readonly Setting[]>> = {
  log: (app) => [
    ['StandardInput', 'null'],
    ['StandardOutput', 'journal+console'],
    ['StandardError', 'journal+console'],
    ['SyslogIdentifier', app],
    // What an app prints is text, even when it begins with "<3>".
    ['SyslogLevelPrefix', 'no'],
  ],
  terminal: () => [
    ['StandardInput', 'tty'],
    ['StandardOutput', 'tty'],
    ['StandardError', 'tty'],
    ['TTYPath', '/dev/console'],
  ],
  direct: () => [
    ['StandardInput', `file:${STDIO_DIR}/0`],
    ['StandardOutput', `append:${STDIO_DIR}/1`],
    ['StandardError', `append:${STDIO_DIR}/2`],
  ],
};
