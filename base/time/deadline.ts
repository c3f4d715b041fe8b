/** A moment after which something is given up. */
export interface Deadline {
  /** Whole milliseconds until then, 0 when it has passed, infinite when there is none. */
  left(): number;
  passed(): boolean;
}

/**
 * A deadline by the monotonic clock: setting the machine's clock moves no deadline.
 * @param ms from now on; infinite for never
 */
export function deadlineIn(ms: number, clock: () => number = monotonic): Deadline {
  const end = clock() + ms;
  const left = (): number => Math.max(0, Math.ceil(end - clock()));

  return { left, passed: () => left() === 0 };
}

const monotonic = (): number => performance.now();

/** The longest that a timer of Node's runs, milliseconds; a longer one would end at once. */
export const LONGEST_TIMER_MS: number = 2 ** 31 - 1;
