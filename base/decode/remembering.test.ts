import { expect, it } from 'vitest';
import { remembering } from './remembering.ts';

it('reads a text once, as long as it is not one of too many', () => {
  const seen: string[] = [];
  const read = remembering((text) => {
    seen.push(text);
    return { text };
  });

  expect(read('a')).toBe(read('a'));
  expect(seen).toEqual(['a']);
  for (let index = 0; index < 200; index += 1) read(String(index));
  expect(read('a')).toEqual({ text: 'a' });
  expect(seen.filter((text) => text === 'a')).toHaveLength(2);
});

it('does not remember a failure', () => {
  let fails = true;
  const read = remembering((text) => {
    if (fails) throw new Error('no');
    return text;
  });

  expect(() => read('a')).toThrow('no');
  fails = false;
  expect(read('a')).toBe('a');
});
