import { loadavg } from 'node:os';

/** One line of the result: a figure against a bound, the smaller the better. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly theirs: string;
  /** What is held against the bounds: a ratio, or megabytes. */
  readonly value: number;
  readonly unit: '×' | 'MB' | 'ms';
  readonly must: number;
  readonly reach: number;
}

/** A line of the table that the measurements print, the machine's load beside it. */
export function formatRow({ what, ours, theirs, value, unit, must, reach }: Row): string {
  const verdict = value <= reach ? 'reached' : value <= must ? 'met' : 'MISSED';
  const load = loadavg()[0]?.toFixed(2) ?? '';
  const cells = [
    what.padEnd(58),
    ours.padStart(10),
    theirs.padStart(10),
    `${value.toFixed(2)} ${unit}`.padStart(10),
    `must ${must}`.padEnd(9),
    `reach ${reach}`.padEnd(10),
    verdict.padEnd(8),
    `load ${load}`,
  ];

  return cells.join('  ');
}

/** Milliseconds for a table. */
export function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
