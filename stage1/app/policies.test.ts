import { describe, expect, it } from 'vitest';
import { parseExitPolicy, parseRestart } from './policies.ts';

describe('parseRestart()', () => {
  it('reads every policy', () => {
    expect(parseRestart('no')).toEqual({ when: 'no' });
    expect(parseRestart('always')).toEqual({ when: 'always' });
    expect(parseRestart('on-failure')).toEqual({ when: 'on-failure', limit: undefined });
    expect(parseRestart('on-failure:3')).toEqual({ when: 'on-failure', limit: 3 });
  });

  it.each([
    '',
    'never',
    'on-failure:',
    'on-failure:0',
    'on-failure:x',
    'on-failure:9999999',
    'always:2',
  ])('refuses "%s"', (text) => {
    expect(() => parseRestart(text)).toThrow(`cannot read restart policy "${text}"`);
  });
});

describe('parseExitPolicy()', () => {
  it('reads its words and no others', () => {
    expect(parseExitPolicy('first-exit')).toBe('first-exit');
    expect(() => parseExitPolicy('some')).toThrow('cannot read exit policy "some"');
  });
});
