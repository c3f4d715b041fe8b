import { describe, expect, it } from 'vitest';
import { readCaller } from './caller.ts';

describe('readCaller()', () => {
  it('takes out what the launcher added and puts back what it set aside', () => {
    const { env } = readCaller({
      PATH: '/bin',
      GANTRY_CALLER: 'nofile=1024',
      GANTRY_NODE_OPTIONS: '--inspect',
      GANTRY_NODE_EXTRA_CA_CERTS: '/ca.pem',
    });

    expect(env).toEqual({
      PATH: '/bin',
      NODE_OPTIONS: '--inspect',
      NODE_EXTRA_CA_CERTS: '/ca.pem',
    });
  });

  it('reads limit and signal masks', () => {
    const { caller } = readCaller({
      GANTRY_CALLER: 'nofile=1024 sigign=8000000000001001 sigblk=0000000000000002',
    });

    expect(caller).toEqual({
      softNofile: 1024n,
      ignoredSignals: [1, 13, 64],
      blockedSignals: [2],
    });
  });

  it('knows nothing without the launcher, or for text that it cannot read', () => {
    const unknown = { softNofile: undefined, ignoredSignals: [], blockedSignals: [] };

    expect(readCaller({}).caller).toEqual(unknown);
    expect(readCaller({ GANTRY_CALLER: 'nofile=unlimited sigign=zz sigblk=' }).caller).toEqual(
      unknown,
    );
  });
});
