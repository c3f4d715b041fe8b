import { GantryError } from '#base/errors/gantry-error';
import { ALL_CALLS, NO_CALLS, type SeccompSet } from '#schema/isolators/seccomp';
import type { Setting } from '../units/unit.ts';
import { CALL_SETS, type CallSet, DEFAULT_BLACKLIST, DEFAULT_WHITELIST } from './sets.ts';

const NATIVE: Setting = ['SystemCallArchitectures', 'native'];

/** What a refused call returns under the default filter: programs that only try go on. */
const REFUSED = 'EPERM';
/**
 * Of the known calls that an app may not make, those that systemd has groups for. All
 * that it knows, "@known", would make the filter four times as long, and a start 5 ms slower.
 */
const REFUSED_GROUPS: readonly string[] = [
  '@cpu-emulation',
  '@debug',
  '@mount',
  '@obsolete',
  '@privileged',
];
/** What one returns that is in none of them: a newer one, which programs do without on older kernels. */
const UNKNOWN = 'ENOSYS';

/**
 * Neither clone(2) makes namespaces, nor unshare(2), nor does setns(2) enter any.
 * The flags of clone3(2) cannot be looked at: it is as if the kernel had none.
 */
const NO_NAMESPACES: Setting = ['RestrictNamespaces', 'yes'];

/**
 * The settings that filter an app's system calls; none when it asked for no
 * filter (`retain` of `@appc.io/all`).
 * @throws GantryError SECCOMP_SET_UNKNOWN
 */
export function seccompSettings(given: SeccompSet | undefined): readonly Setting[] {
  if (given?.mode === 'retain' && given.set.includes(ALL_CALLS)) return [];

  if (given === undefined || (given.mode === 'remove' && given.set.includes(NO_CALLS))) {
    return [NATIVE, ...defaultFilter(given?.errno), NO_NAMESPACES];
  }

  const errno: readonly Setting[] =
    given.errno === undefined ? [] : [['SystemCallErrorNumber', given.errno]];
  const sets = given.set.filter((item) => item !== ALL_CALLS && item !== NO_CALLS).map(callSet);
  const calls = sets.flatMap((set) => set.calls);
  const except = sets.flatMap((set) => set.except).filter((call) => !calls.includes(call));
  if (given.mode === 'retain') {
    return [NATIVE, ...errno, ...allow({ calls, except }), ...withoutNamespaces(except, calls)];
  }

  // Everything is removed: what systemd lets through in any case (execve, exit, …) remains.
  const refused = given.set.includes(ALL_CALLS) ? allow({ calls: [], except: [] }) : deny(calls);
  return [
    NATIVE,
    ...errno,
    ...refused,
    ...(sets.includes(DEFAULT_BLACKLIST) ? [NO_NAMESPACES] : []),
  ];
}

/** One error for all calls when it is named; else refused calls are told from those that nobody knows. */
function defaultFilter(errno: string | undefined): readonly Setting[] {
  if (errno !== undefined) return [['SystemCallErrorNumber', errno], ...allow(DEFAULT_WHITELIST)];

  const refused = (calls: readonly string[]): Setting => [
    'SystemCallFilter',
    `~${calls.map((call) => `${call}:${REFUSED}`).join(' ')}`,
  ];
  return [
    ['SystemCallErrorNumber', UNKNOWN],
    // What comes first says what becomes of all other calls, what comes later counts.
    ['SystemCallFilter', '@default'],
    refused(REFUSED_GROUPS),
    ['SystemCallFilter', ['@default', ...DEFAULT_WHITELIST.calls].join(' ')],
    refused(DEFAULT_WHITELIST.except),
  ];
}

/** What a set leaves out stays out by every way; a call that is named is let through as it is. */
function withoutNamespaces(
  except: readonly string[],
  named: readonly string[],
): readonly Setting[] {
  const isOut = ['unshare', 'setns'].every((call) => except.includes(call));
  const isAsked = ['clone', 'clone3'].some((call) => named.includes(call));

  return isOut && !isAsked ? [NO_NAMESPACES] : [];
}

function allow({ calls, except }: CallSet): readonly Setting[] {
  const allowed: Setting = ['SystemCallFilter', ['@default', ...calls].join(' ')];

  return except.length === 0 ? [allowed] : [allowed, ['SystemCallFilter', `~${except.join(' ')}`]];
}

function deny(calls: readonly string[]): readonly Setting[] {
  return calls.length === 0 ? [] : [['SystemCallFilter', `~${calls.join(' ')}`]];
}

function callSet(item: string): CallSet {
  if (!item.startsWith('@')) return { calls: [item], except: [] };

  const known = CALL_SETS.get(item);
  if (known !== undefined) return known;
  throw new GantryError(
    'SECCOMP_SET_UNKNOWN',
    `cannot filter system calls: there is no set "${item}"`,
    { hint: `one of ${[...CALL_SETS.keys()].join(', ')}` },
  );
}
