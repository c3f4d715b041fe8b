import { describe, expect, it } from 'vitest';
import { chooseEndpoints } from './choose-endpoints.ts';

const streams = { stdin: 'stream', stdout: 'log', stderr: 'stream' } as const;
const auto = { action: 'auto-attach', app: 'a', endpoints: [] } as const;

describe('chooseEndpoints()', () => {
  it('takes all there are, or those that are named', () => {
    expect(chooseEndpoints(auto, streams)).toEqual(['stdin', 'stderr']);
    expect(
      chooseEndpoints({ ...auto, action: 'custom-attach', endpoints: ['stderr'] }, streams),
    ).toEqual(['stderr']);
  });

  it('refuses what is not there, and names what is', () => {
    const named = { ...auto, action: 'custom-attach', endpoints: ['tty-in'] } as const;

    expect(() => chooseEndpoints(named, streams)).toThrow('cannot attach to tty-in of app "a"');
    expect(() => chooseEndpoints(auto, { stdin: 'null', stdout: 'log', stderr: 'log' })).toThrow(
      'none of its streams can be attached to',
    );
  });
});
