import type { Usage } from './usage.ts';

/** How fast something is used. What cannot be told is undefined. */
export interface Rates {
  /** Of one processor: 2 when two are busy. */
  readonly cpu: number | undefined;
  /** Bytes a second. */
  readonly read: number | undefined;
  readonly written: number | undefined;
}

/** What was used between two measurements, for each second of the time between them. */
export function ratesOf(before: Usage | undefined, after: Usage, elapsedMs: number): Rates {
  const perSecond = (key: 'cpuMs' | 'readBytes' | 'writtenBytes'): number | undefined => {
    const [from, to] = [before?.[key], after[key]];
    // A sum over processes shrinks when one of them is gone.
    return from === undefined || to === undefined || elapsedMs <= 0
      ? undefined
      : (Math.max(0, to - from) * 1000) / elapsedMs;
  };
  const cpu = perSecond('cpuMs');

  return {
    cpu: cpu === undefined ? undefined : cpu / 1000,
    read: perSecond('readBytes'),
    written: perSecond('writtenBytes'),
  };
}
