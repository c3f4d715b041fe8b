// Sets of system calls by name. systemd's own groups ("@network-io") are used
// where they fit: they grow with systemd, and expand inside the pod.

/** rkt's and docker's default, what ordinary programs use: systemd's group for system services and a few more. */
const DEFAULT_ALLOWED: readonly string[] = [
  '@system-service',
  'chroot',
  'fanotify_mark',
  'landlock_add_rule',
  'landlock_create_ruleset',
  'landlock_restrict_self',
  'mincore',
  'modify_ldt',
  'seccomp',
  'syslog',
];

/**
 * In that group, but only for programs that manage the machine or other processes, or a
 * favourite of exploits. With unshare and setns goes what clone does of the same.
 */
const TAKEN_OUT: readonly string[] = [
  '@keyring',
  'io_uring_enter',
  'io_uring_register',
  'io_uring_setup',
  'kcmp',
  'mbind',
  'migrate_pages',
  'move_pages',
  'name_to_handle_at',
  'process_madvise',
  'process_vm_readv',
  'process_vm_writev',
  'set_mempolicy',
  'set_mempolicy_home_node',
  'setns',
  'unshare',
  'userfaultfd',
];

/** What docker documented as refused by its default profile. */
const DEFAULT_REFUSED: readonly string[] = [
  'acct',
  'add_key',
  'adjtimex',
  'bpf',
  'clock_adjtime',
  'clock_settime',
  'create_module',
  'delete_module',
  'finit_module',
  'get_kernel_syms',
  'get_mempolicy',
  'init_module',
  'ioperm',
  'iopl',
  'kcmp',
  'kexec_file_load',
  'kexec_load',
  'keyctl',
  'lookup_dcookie',
  'mbind',
  'mount',
  'move_pages',
  'name_to_handle_at',
  'nfsservctl',
  'open_by_handle_at',
  'perf_event_open',
  'pivot_root',
  'process_vm_readv',
  'process_vm_writev',
  'ptrace',
  'query_module',
  'quotactl',
  'reboot',
  'request_key',
  'set_mempolicy',
  'setns',
  'settimeofday',
  'stime',
  'swapoff',
  'swapon',
  '_sysctl',
  'sysfs',
  'umount',
  'umount2',
  'unshare',
  'uselib',
  'userfaultfd',
  'ustat',
  'vm86',
  'vm86old',
];

/** A set in systemd's words: what is in it, and what of that is taken out again. */
export interface CallSet {
  readonly calls: readonly string[];
  readonly except: readonly string[];
}

const plain = (...calls: readonly string[]): CallSet => ({ calls, except: [] });

export const DEFAULT_WHITELIST: CallSet = { calls: DEFAULT_ALLOWED, except: TAKEN_OUT };
export const DEFAULT_BLACKLIST: CallSet = plain(...DEFAULT_REFUSED);

/** The sets that an image or `--seccomp` may name (fact sheet 6.4), less the two of appc that are no lists. */
export const CALL_SETS: ReadonlyMap<string, CallSet> = new Map([
  ['@rkt/default-whitelist', DEFAULT_WHITELIST],
  ['@rkt/default-blacklist', DEFAULT_BLACKLIST],
  ['@docker/default-whitelist', DEFAULT_WHITELIST],
  ['@docker/default-blacklist', DEFAULT_BLACKLIST],
  ['@systemd/clock', plain('@clock')],
  ['@systemd/default-whitelist', plain('@default')],
  ['@systemd/mount', plain('@mount')],
  ['@systemd/network-io', plain('@network-io')],
  ['@systemd/obsolete', plain('@obsolete')],
  ['@systemd/privileged', plain('@privileged')],
  ['@systemd/process', plain('@process')],
  ['@systemd/raw-io', plain('@raw-io')],
]);
