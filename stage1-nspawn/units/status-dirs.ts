// Where PID 1 and the reaper leave what becomes of apps, inside stage1.

/** Exit statuses, decimal (the contract's `rkt/status`). */
export const STATUS_DIR = '/rkt/status';

/** How apps ended (the contract's `rkt/exits`). */
export const EXITS_DIR = '/rkt/exits';

/** When apps were started (the contract's `rkt/started`). */
export const STARTED_DIR = '/rkt/started';

/** Which apps said that they are ready. */
export const UP_DIR = '/rkt/up';

/** Made with the mark in it, which goes when the pod is ready no more. */
export const READY_DIR = '/rkt/ready';

/**
 * What to make of systemd's 200 and 203 ("could not enter the directory", "could not execute"), per app,
 * when it was to be foreseen: 126 or 127, and on a second line what is yet to be said of it.
 */
export const EXEC_STATUS_DIR = '/rkt/exec-status';

/** A file per app of which systemd must be asked when it ended, for a post-stop handler came after that. */
export const HANDLED_DIR = '/rkt/handled';

/** A folder per kind of handler, in it a file per app whose handler will not be executed: what is yet to be said of that. */
export const HANDLER_OBSTACLES_DIR = '/rkt/handler-obstacles';

/** Where the kernel counts whom it killed for want of memory, if systemd cannot know (cgroup/oom-count.ts). */
export const OOM_PATH = '/rkt/oom';

/** How many that were when it was last looked at. */
export const OOM_SEEN_PATH = '/rkt/oom-seen';

/** The FIFOs of apps' streams, a folder per app. */
export const STREAMS_DIR = '/rkt/streams';

/** What clients that attach read, a folder per app, in it one per stream. */
export const TAPS_DIR = '/rkt/taps';

/** Links to the terminals of apps that have one, by app. */
export const TERMINALS_DIR = '/rkt/terminals';

/** Links to where the caller sees what apps say, by stream; none where nobody looks. */
export const CALLER_DIR = '/rkt/caller';

/** Exists when what the caller sees can be of several apps: each line begins with the app's name. */
export const PREFIX_MARK = '/rkt/caller/prefix';

/** How often apps were started again (the contract's `rkt/restarts`). */
export const RESTARTS_DIR = '/rkt/restarts';

/** The exit policy and the number of apps, where it is not rkt's. */
export const EXIT_POLICY_PATH = '/rkt/exit-policy';

/** Which apps are started again, a file each with the policy and how often at most. */
export const RESTART_DIR = '/rkt/restart';

/** Commands that have entered an app, a folder each. */
export const SESSIONS_DIR = '/rkt/enter';
