import * as v from 'valibot';
import type { Decoder } from '../types/decoder.ts';
import { boolean, integer } from '../types/scalars.ts';
import { type CapabilitySet, capabilityValue } from './capabilities.ts';
import {
  cpuAmount,
  defaultLimit,
  memoryAmount,
  type ResourceAmount,
  type ResourceLimit,
} from './resources.ts';
import { type SeccompSet, seccompValue } from './seccomp.ts';
import {
  apparmorProfile,
  type SelinuxContext,
  selinuxContext,
  sysctlSettings,
} from './security.ts';

/** What the isolators of an app or a pod mean. Absent: nothing was said. */
export interface IsolatorValues {
  readonly seccomp?: SeccompSet;
  readonly capabilities?: CapabilitySet;
  readonly noNewPrivileges?: boolean;
  /** -1000 to 1000. */
  readonly oomScoreAdj?: number;
  /** 2 to 262144; 1024 is usual. */
  readonly cpuShares?: number;
  readonly selinuxContext?: SelinuxContext;
  /** The name of a profile; a host without it must refuse. */
  readonly apparmorProfile?: string;
  readonly sysctl?: Readonly<Record<string, string>>;
  /** Thousandths of a core. */
  readonly cpu?: ResourceAmount;
  /** Bytes. */
  readonly memory?: ResourceAmount;
  /** Bytes per second. */
  readonly blockBandwidth?: ResourceLimit;
  /** Operations per second. */
  readonly blockIops?: ResourceLimit;
  /** Bytes per second. */
  readonly networkBandwidth?: ResourceLimit;
}

export type IsolatorScope = 'app' | 'pod';

/** What the specification says about one isolator. */
export interface IsolatorRule {
  /** Reads its value into the field that it is about: isolators of one field are a family. */
  readonly decoder: Decoder<IsolatorValues>;
  readonly field: keyof IsolatorValues;
  readonly scopes: readonly IsolatorScope[];
  /** Whether one more of the same family is allowed, the last being meant. */
  readonly repeatable: boolean;
}

const EITHER: readonly IsolatorScope[] = ['app', 'pod'];

function rule<Field extends keyof IsolatorValues>(
  field: Field,
  decoder: Decoder<NonNullable<IsolatorValues[Field]>>,
  limits: { readonly scopes?: readonly IsolatorScope[]; readonly repeatable?: boolean } = {},
): IsolatorRule {
  return {
    field,
    decoder: v.pipe(
      decoder,
      v.transform((value) => ({ [field]: value })),
    ),
    scopes: limits.scopes ?? ['app'],
    repeatable: limits.repeatable ?? false,
  };
}

function withMode<Value extends object, Mode extends 'retain' | 'remove'>(
  mode: Mode,
  decoder: Decoder<Value>,
): Decoder<Value & { readonly mode: Mode }> {
  return v.pipe(
    decoder,
    v.transform((value) => ({ ...value, mode })),
  );
}

/** The isolators that the specification knows (appc, App Container Executor, Isolators). */
export const ISOLATOR_RULES: ReadonlyMap<string, IsolatorRule> = new Map([
  ['os/linux/seccomp-retain-set', rule('seccomp', withMode('retain', seccompValue))],
  ['os/linux/seccomp-remove-set', rule('seccomp', withMode('remove', seccompValue))],
  ['os/linux/capabilities-retain-set', rule('capabilities', withMode('retain', capabilityValue))],
  ['os/linux/capabilities-remove-set', rule('capabilities', withMode('remove', capabilityValue))],
  ['os/linux/no-new-privileges', rule('noNewPrivileges', boolean, { repeatable: true })],
  ['os/linux/oom-score-adj', rule('oomScoreAdj', integer(-1000, 1000))],
  ['os/linux/cpu-shares', rule('cpuShares', integer(2, 262_144))],
  ['os/linux/selinux-context', rule('selinuxContext', selinuxContext, { scopes: EITHER })],
  ['os/linux/apparmor-profile', rule('apparmorProfile', apparmorProfile, { scopes: EITHER })],
  ['os/unix/sysctl', rule('sysctl', sysctlSettings, { scopes: ['pod'] })],
  ['resource/cpu', rule('cpu', cpuAmount, { scopes: EITHER, repeatable: true })],
  ['resource/memory', rule('memory', memoryAmount, { scopes: EITHER, repeatable: true })],
  [
    'resource/block-bandwidth',
    rule('blockBandwidth', defaultLimit, { scopes: EITHER, repeatable: true }),
  ],
  ['resource/block-iops', rule('blockIops', defaultLimit, { scopes: EITHER, repeatable: true })],
  [
    'resource/network-bandwidth',
    rule('networkBandwidth', defaultLimit, { scopes: EITHER, repeatable: true }),
  ],
]);
