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

/** Rules that were asked for. */
const made = new Map<string, IsolatorRule>();

/** The rule for the isolator with this name; undefined when the specification does not know it. */
export function isolatorRule(name: string): IsolatorRule | undefined {
  const known = made.get(name) ?? makeRule(name);
  if (known !== undefined) made.set(name, known);

  return known;
}

/** The isolators that the specification knows (appc, App Container Executor, Isolators). */
function makeRule(name: string): IsolatorRule | undefined {
  switch (name) {
    case 'os/linux/seccomp-retain-set':
      return rule('seccomp', withMode('retain', seccompValue()));
    case 'os/linux/seccomp-remove-set':
      return rule('seccomp', withMode('remove', seccompValue()));
    case 'os/linux/capabilities-retain-set':
      return rule('capabilities', withMode('retain', capabilityValue()));
    case 'os/linux/capabilities-remove-set':
      return rule('capabilities', withMode('remove', capabilityValue()));
    case 'os/linux/no-new-privileges':
      return rule('noNewPrivileges', boolean, { repeatable: true });
    case 'os/linux/oom-score-adj':
      return rule('oomScoreAdj', integer(-1000, 1000));
    case 'os/linux/cpu-shares':
      return rule('cpuShares', integer(2, 262_144));
    case 'os/linux/selinux-context':
      return rule('selinuxContext', selinuxContext(), EITHER);
    case 'os/linux/apparmor-profile':
      return rule('apparmorProfile', apparmorProfile(), EITHER);
    case 'os/unix/sysctl':
      return rule('sysctl', sysctlSettings(), { scopes: ['pod'] });
    case 'resource/cpu':
      return rule('cpu', cpuAmount(), RESOURCE);
    case 'resource/memory':
      return rule('memory', memoryAmount(), RESOURCE);
    case 'resource/block-bandwidth':
      return rule('blockBandwidth', defaultLimit(), RESOURCE);
    case 'resource/block-iops':
      return rule('blockIops', defaultLimit(), RESOURCE);
    case 'resource/network-bandwidth':
      return rule('networkBandwidth', defaultLimit(), RESOURCE);
    default:
      return undefined;
  }
}

interface Limits {
  readonly scopes?: readonly IsolatorScope[];
  readonly repeatable?: boolean;
}

const EITHER: Limits = { scopes: ['app', 'pod'] };
const RESOURCE: Limits = { ...EITHER, repeatable: true };

function rule<Field extends keyof IsolatorValues>(
  field: Field,
  decoder: Decoder<NonNullable<IsolatorValues[Field]>>,
  limits: Limits = {},
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
