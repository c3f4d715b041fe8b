const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** An amount of bytes in units of 1024, three digits at most: `34MiB`, `1.5KiB`. */
export function formatBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || amount >= 99.5 ? 0 : amount >= 9.95 ? 0 : 1;

  return `${amount.toFixed(digits).replace(/\.0$/, '')}${UNITS[unit]}`;
}

/** A span of time, in the two largest of its units: `45s`, `3m20s`, `1h05m`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;

  return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
}

/**
 * A moment as rkt prints it, in the local time zone:
 * `2026-11-22 02:50:16.123 +0000 UTC`.
 * @param ms since 1970
 */
export function formatTime(ms: number): string {
  const date = new Date(ms);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  const rest =
    ms % 1000 === 0 ? '' : `.${String(date.getMilliseconds()).padStart(3, '0').replace(/0+$/, '')}`;

  return `${day} ${time}${rest} ${zoneOffset(date)} ${zoneName(date)}`;
}

function zoneOffset(date: Date): string {
  const east = -date.getTimezoneOffset();
  const minutes = Math.abs(east);

  return `${east < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
}

function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(date);

  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC';
}

const two = (value: number): string => String(value).padStart(2, '0');
