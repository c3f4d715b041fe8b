import { afterEach, describe, expect, it, vi } from 'vitest';
import { deadlineIn } from './deadline.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('deadlineIn()', () => {
  it('counts down in whole milliseconds and stops at nothing', () => {
    let now = 5.2;
    const deadline = deadlineIn(100, () => now);
    expect([deadline.left(), deadline.passed()]).toEqual([100, false]);
    now += 98.5;
    expect([deadline.left(), deadline.passed()]).toEqual([2, false]);
    now += 50;
    expect([deadline.left(), deadline.passed()]).toEqual([0, true]);
  });

  it('never passes when there is none', () => {
    expect(deadlineIn(Number.POSITIVE_INFINITY).left()).toBe(Number.POSITIVE_INFINITY);
  });

  it('does not care for the clock of the machine', () => {
    const deadline = deadlineIn(60_000);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 86_400_000 });

    expect(deadline.passed()).toBe(false);
  });
});
