import { describe, expect, it } from 'vitest';
import { parsePodUuid } from './pod-uuid.ts';

describe('parsePodUuid()', () => {
  it.each([
    '6733c088-a507-4694-aabf-edbe4fc5266f',
    '6733C088-A507-4694-AABF-EDBE4FC5266F',
    '6733C088A5074694AABFEDBE4FC5266F',
  ])('gives %s in its one form', (text) => {
    expect(parsePodUuid(text)).toBe('6733c088-a507-4694-aabf-edbe4fc5266f');
  });

  it.each([
    '',
    '6733c088',
    '00000000-0000-0000-0000-000000000000',
    '6733c088-a507-4694-aabf-edbe4fc5266g',
    '6733c088-a5074694-aabf-edbe4fc5266f',
    '6733c088-a507-4694-aabf-edbe4fc5266f\n',
    '../6733c088-a507-4694-aabf-edbe4fc5266',
  ])('refuses %j', (text) => {
    expect(() => parsePodUuid(text)).toThrow(expect.objectContaining({ code: 'POD_UUID_INVALID' }));
  });
});
