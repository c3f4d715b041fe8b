/**
 * What an app may not change below /proc and /sys unless `--insecure-options=paths`
 * is given: rkt's list (stage1 protected kernel paths) with what runc and
 * containerd have added since.
 */
export const READ_ONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys/kernel/core_pattern',
  '/proc/sys/kernel/modprobe',
  '/proc/sys/vm/panic_on_oom',
  '/proc/sysrq-trigger',
  '/sys/block',
  '/sys/bus',
  '/sys/class',
  '/sys/dev',
  '/sys/devices',
  '/sys/kernel',
];

/** What an app may not even see; directories appear empty, files cannot be opened. */
export const MASKED_PATHS: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/config.gz',
  '/proc/interrupts',
  '/proc/kallsyms',
  '/proc/kcore',
  '/proc/keys',
  '/proc/kmem',
  '/proc/latency_stats',
  '/proc/mem',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
  '/sys/fs',
  '/sys/hypervisor',
  '/sys/module',
  '/sys/power',
];
