import { describe, expect, it } from 'vitest';
import { parseDetachKeys } from './detach-keys.ts';

describe('parseDetachKeys()', () => {
  it.each([
    ['ctrl-p,ctrl-q', [16, 17]],
    ['a,ctrl-[,CTRL-Z,~', [97, 27, 26, 126]],
    ['ctrl-@', [0]],
    ['', []],
  ])('reads %j', (text, bytes) => {
    expect([...parseDetachKeys(text)]).toEqual(bytes);
  });

  it.each(['ctrl-1', 'ab', 'a,,b', 'ctrl-', 'é'])('refuses %j', (text) => {
    expect(() => parseDetachKeys(text)).toThrow('cannot read keys');
  });
});
