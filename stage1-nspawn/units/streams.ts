import type { Setting } from './unit.ts';

/** Where an app's standard streams lead. */
export type AppStreams =
  /** Nothing comes in; what goes out goes to the pod's journal and is shown to the caller. */
  | { readonly kind: 'log' }
  /** A terminal that nspawn connects with the caller's. */
  | { readonly kind: 'terminal' }
  /** The caller's own descriptors, but those that cannot be opened again. */
  | {
      readonly kind: 'direct';
      readonly stdin: boolean;
      readonly stdout: boolean;
      readonly stderr: boolean;
    };

/** Where the descriptors of the pod's first process are mounted, inside stage1, for `direct` streams. */
export const STDIO_DIR = '/rkt/stdio';

/** Exists when the console is an app's terminal: its settings are not to be touched. */
export const TERMINAL_MARK = '/rkt/terminal';

const JOURNAL = 'journal+console';

export function streamSettings(streams: AppStreams, app: string): readonly Setting[] {
  if (streams.kind === 'terminal') {
    return [
      ['StandardInput', 'tty'],
      ['StandardOutput', 'tty'],
      ['StandardError', 'tty'],
      ['TTYPath', '/dev/console'],
    ];
  }

  const direct = streams.kind === 'direct' ? streams : NONE;
  return [
    ['StandardInput', direct.stdin ? `file:${STDIO_DIR}/0` : 'null'],
    ['StandardOutput', direct.stdout ? `append:${STDIO_DIR}/1` : JOURNAL],
    ['StandardError', direct.stderr ? `append:${STDIO_DIR}/2` : JOURNAL],
    ['SyslogIdentifier', app],
    // What an app prints is text, even when it begins with "<3>".
    ['SyslogLevelPrefix', 'no'],
  ];
}

const NONE = { stdin: false, stdout: false, stderr: false } as const;
