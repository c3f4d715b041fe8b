import { keyringFor, listEntries } from './keyring.ts';
import { listStates } from './key-states.ts';
import { createStandings, type StandingOptions } from './key-standing.ts';
import type { Trust, TrustRoots } from './trust-types.ts';

/** Opens the keys of a host. Nothing is read before it is asked for, and nothing is kept: the folders may change at any time. */
export function openTrust(roots: TrustRoots, options: StandingOptions = {}): Trust {
  return {
    roots,
    keyringFor: (name) => keyringFor(roots, name),
    list: () => listEntries(roots),
    listStates: async () => await listStates(roots, (options.now ?? Date.now)()),
    ...createStandings(roots, options),
  };
}
