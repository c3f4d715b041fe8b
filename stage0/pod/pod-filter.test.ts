import { describe, expect, it } from 'vitest';
import { hasLabels } from './pod-filter.ts';

const pod = { userLabels: { tier: 'web' }, apps: [{ userLabels: { team: 'a' } }] };

describe('hasLabels()', () => {
  it.each([
    [[], true],
    [[{ name: 'tier' }], true],
    [[{ name: 'tier', value: 'web' }], true],
    [[{ name: 'tier', value: '' }], false],
    [[{ name: 'team', value: 'a' }, { name: 'tier' }], true],
    [[{ name: 'team', value: 'a' }, { name: 'stage' }], false],
    [[{ name: 'toString' }], false],
  ])('%j: %s', (wanted, expected) => {
    expect(hasLabels(pod, wanted)).toBe(expected);
  });
});
