/**
 * What a command begins with that must not outlive the process that starts it,
 * whatever ends that (util-linux, prctl(2) PR_SET_PDEATHSIG): it would go on
 * filling a directory, or waiting for a lock, for nobody.
 */
export const ENDING_TOGETHER: readonly [string, string] = ['setpriv', '--pdeathsig=KILL'];
