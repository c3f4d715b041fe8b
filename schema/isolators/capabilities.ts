import type { Decoder } from '../types/decoder.ts';
import { objectOf } from '../types/fields.ts';
import { textWhere } from '../types/scalars.ts';
import { nonEmptyListOf } from '../types/lists.ts';

/** Every capability of Linux, at the place of its number (capability.h, Linux 5.9). */
export const CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

export type Capability = (typeof CAPABILITIES)[number];

/** What an app may have when nothing else is said (appc, os/linux/capabilities-remove-set). */
export const DEFAULT_CAPABILITIES: readonly Capability[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_NET_BIND_SERVICE',
  'CAP_SETUID',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETFCAP',
  'CAP_SYS_CHROOT',
];

/** Which capabilities an app keeps, or loses from the default ones. */
export interface CapabilitySet {
  readonly mode: 'retain' | 'remove';
  /** At least one. */
  readonly set: readonly Capability[];
}

/** The capabilities that an app may have at most, each once: its bounding set. */
export function boundingSet(given: CapabilitySet | undefined): readonly Capability[] {
  if (given === undefined) return DEFAULT_CAPABILITIES;
  if (given.mode === 'retain') return [...new Set(given.set)];

  return DEFAULT_CAPABILITIES.filter((capability) => !given.set.includes(capability));
}

/** The value of both capability isolators. */
export function capabilityValue(): Decoder<Omit<CapabilitySet, 'mode'>> {
  return objectOf<Omit<CapabilitySet, 'mode'>>({
    fields: {
      set: nonEmptyListOf(
        textWhere<Capability>(isCapability, 'the name of a Linux capability such as CAP_NET_ADMIN'),
      ),
    },
    required: { set: true },
  });
}

function isCapability(text: string): boolean {
  return (CAPABILITIES as readonly string[]).includes(text);
}
