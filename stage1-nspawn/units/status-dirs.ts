/** Where exit statuses are written, inside stage1 (the contract's `rkt/status`). */
export const STATUS_DIR = '/rkt/status';

/** What to make of systemd's 203 ("could not execute"), per app: 126 or 127, when it was to be foreseen. */
export const EXEC_STATUS_DIR = '/rkt/exec-status';
