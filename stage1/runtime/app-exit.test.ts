import { describe, expect, it } from 'vitest';
import { parseAppExit } from './app-exit.ts';

const record = { version: 1, reason: 'signalled', code: 137, signal: 'KILL', finished: 12.5 };
const parse = (change: object): unknown => parseAppExit(JSON.stringify({ ...record, ...change }));

describe('parseAppExit()', () => {
  it('reads what stage1 wrote', () => {
    expect(parse({})).toEqual({
      reason: 'signalled',
      code: 137,
      signal: 'KILL',
      finishedAt: 12_500,
    });
    expect(parse({ signal: undefined, reason: 'exited' })).toMatchObject({ reason: 'exited' });
  });

  it('refuses a record of a newer version, by name', () => {
    expect(() => parse({ version: 2, reason: 'vanished' })).toThrow('is of version 2');
  });

  it.each([{ code: 256 }, { code: '1' }, { reason: 'bored' }, { signal: '\u001b[2J' }])(
    'refuses %j',
    (change) => {
      expect(() => parse(change)).toThrow('cannot read record of how an app ended');
    },
  );

  it('refuses what was cut off', () => {
    expect(() => parseAppExit('{"version":1')).toThrow('not JSON');
  });
});
