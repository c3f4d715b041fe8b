import type { StreamName } from './names.ts';
import { streamPath } from './stream-script.ts';
import type { Setting } from './unit.ts';

/**
 * Where an app's standard streams lead. `log`: nothing comes in; what goes out
 * goes to the pod's journal, and to the caller as it is. `terminal`: one that
 * nspawn connects with the caller's. `direct`: the caller's own descriptors.
 */
export type AppStreams = 'log' | 'terminal' | 'direct';

/** Where the descriptors of the pod's first process are mounted, inside stage1. */
export const STDIO_DIR = '/rkt/stdio';

/** The streams of an app that are carried to the journal. */
export function carriedStreams(streams: AppStreams): readonly StreamName[] {
  return streams === 'log' ? ['stdout', 'stderr'] : [];
}

/** The settings of an app's service. @param app how the app is called in the journal */
export function streamSettings(streams: AppStreams, app: string): readonly Setting[] {
  return SETTINGS[streams](app);
}

const SETTINGS: Readonly<Record<AppStreams, (app: string) => readonly Setting[]>> = {
  log: (app) => [
    ['StandardInput', 'null'],
    ['StandardOutput', `append:${streamPath(app, 'stdout')}`],
    ['StandardError', `append:${streamPath(app, 'stderr')}`],
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
