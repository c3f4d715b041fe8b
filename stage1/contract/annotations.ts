/** Image manifest annotations by which a stage1 names its entrypoints (rkt's stage1 implementor's guide). */
export const ENTRYPOINT_ANNOTATIONS = {
  run: 'coreos.com/rkt/stage1/run',
  enter: 'coreos.com/rkt/stage1/enter',
  gc: 'coreos.com/rkt/stage1/gc',
  stop: 'coreos.com/rkt/stage1/stop',
  attach: 'coreos.com/rkt/stage1/attach',
} as const;

export type EntrypointName = keyof typeof ENTRYPOINT_ANNOTATIONS;

/** Which version of the contract a stage1 speaks; absent means 1. */
export const INTERFACE_VERSION_ANNOTATION = 'coreos.com/rkt/stage1/interface-version';

/** The newest version of the contract that stage 0 speaks. */
export const INTERFACE_VERSION = 8;

/** Which pod features a flavor honours, a comma list of `FlavorFeature`; absent means all: a stage1 made elsewhere decides itself. */
export const FEATURES_ANNOTATION = 'gantry.sh/stage1/features';

/**
 * What a flavor can promise:
 * `several-apps`, `netns` (a network of the pod's own), `isolation` (capabilities,
 * seccomp, masked paths, devices), `stop-hooks` (post-stop handlers),
 * `exit-codes` (writes each app's exit code into the pod directory),
 * `logs` (keeps what apps say in `/var/log/journal` of stage1),
 * `readiness` (marks in the pod directory which apps have been started, and when all have),
 * `enter-options` (enters as the app, and otherwise when told `--user`, `--group`, `--working-dir`, `--env`),
 * `stdio-modes` (the annotations `coreos.com/rkt/stage2/stdin`, `stdout` and `stderr` of apps are followed),
 * `restart` (starts apps again that have ended), `exit-policy` (ends a pod by other rules than at the first failure),
 * `release` (holds something outside its namespaces, so that its gc entrypoint runs when it ends).
 */
export type FlavorFeature =
  | 'several-apps'
  | 'netns'
  | 'isolation'
  | 'stop-hooks'
  | 'exit-codes'
  | 'logs'
  | 'readiness'
  | 'enter-options'
  | 'stdio-modes'
  | 'restart'
  | 'exit-policy'
  | 'release';

/** Image annotation of an app that reports readiness by sd_notify. */
export const SUPPORTS_NOTIFY_ANNOTATION = 'appc.io/executor/supports-systemd-notify';

/** Pod annotation: when the pod ends, an `ExitPolicy`. */
export const EXIT_POLICY_ANNOTATION = 'gantry.sh/exit-policy';

/** App annotation: `true` for an app that has the groups of its user, by passwd and group in its root; its `group` counts for nothing. */
export const OWN_GROUPS_ANNOTATION = 'gantry.sh/own-groups';

/** App annotation: whether the app is started again when it has ended, as `parseRestart` reads it. */
export const RESTART_ANNOTATION = 'gantry.sh/restart';
