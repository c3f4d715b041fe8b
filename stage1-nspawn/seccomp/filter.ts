import { GantryError } from '#base/errors/gantry-error';
import { ALL_CALLS, NO_CALLS, type SeccompSet } from '#schema/isolators/seccomp';
import type { Setting } from '../units/unit.ts';
import { CALL_SETS, type CallSet, DEFAULT_WHITELIST } from './sets.ts';

/** What a refused call returns under the default filter: programs that only try go on. */
const DEFAULT_ERRNO = 'EPERM';

/**
 * The settings that filter an app's system calls; none when it asked for no
 * filter (`retain` of `@appc.io/all`).
 * @throws GantryError SECCOMP_SET_UNKNOWN
 */
export function seccompSettings(given: SeccompSet | undefined): readonly Setting[] {
  if (given?.mode === 'retain' && given.set.includes(ALL_CALLS)) return [];

  const native: Setting = ['SystemCallArchitectures', 'native'];
  if (given === undefined || (given.mode === 'remove' && given.set.includes(NO_CALLS))) {
    return [
      native,
      ['SystemCallErrorNumber', given?.errno ?? DEFAULT_ERRNO],
      ...allow(DEFAULT_WHITELIST),
    ];
  }

  const errno: readonly Setting[] =
    given.errno === undefined ? [] : [['SystemCallErrorNumber', given.errno]];
  const sets = given.set.filter((item) => item !== ALL_CALLS && item !== NO_CALLS).map(callSet);
  const calls = sets.flatMap((set) => set.calls);
  const except = sets.flatMap((set) => set.except).filter((call) => !calls.includes(call));
  if (given.mode === 'retain') return [native, ...errno, ...allow({ calls, except })];

  // Everything is removed: what systemd lets through in any case (execve, exit, …) remains.
  const refused = given.set.includes(ALL_CALLS) ? allow({ calls: [], except: [] }) : deny(calls);
  return [native, ...errno, ...refused];
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
