const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Whether the text is a point in time as appc writes it: RFC 3339 with an upper-case `T` and `Z`. */
export function isTimestamp(text: string): boolean {
  if (!RFC_3339.test(text)) return false;

  const part = (from: number, to: number): number => Number(text.slice(from, to));
  const month = part(5, 7);
  const day = part(8, 10);
  const zone = text.endsWith('Z') ? '00:00' : text.slice(-5);

  return (
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysOf(part(0, 4), month) &&
    part(11, 13) < 24 &&
    part(14, 16) < 60 &&
    part(17, 19) < 60 &&
    Number(zone.slice(0, 2)) < 24 &&
    Number(zone.slice(3)) < 60
  );
}

/** How many days a month has, 1 being January. */
function daysOf(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;

  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
}
