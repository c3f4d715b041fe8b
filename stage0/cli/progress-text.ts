import type { ProgressEvent } from '#base/log/log';
import { formatBytes, formatSeconds } from './units.ts';

/** `12MiB of 40MiB`, `1200 of 5000 entries`. */
export function amountText({ done, total, unit }: ProgressEvent): string {
  const text = (amount: number): string =>
    unit === 'bytes' ? formatBytes(amount) : String(amount);
  const suffix = unit === 'bytes' ? '' : ' entries';

  return `${text(done)}${total === undefined ? '' : ` of ${text(total)}`}${suffix}`;
}

/** `, 3MiB/s`; nothing before there is a rate. @param seconds since the work began */
export function rateText({ done, unit }: ProgressEvent, seconds: number): string {
  if (seconds < 0.1) return '';
  const rate = done / seconds;

  return unit === 'bytes' ? `, ${formatBytes(rate)}/s` : `, ${Math.round(rate)}/s`;
}

/** `, 12s left`; nothing when it cannot be known. @param seconds since the work began */
export function timeLeftText({ done, total }: ProgressEvent, seconds: number): string {
  if (total === undefined || done <= 0 || seconds < 0.5 || done >= total) return '';

  return `, ${formatSeconds(((total - done) / done) * seconds)} left`;
}
