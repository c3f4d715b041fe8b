import { corrupt } from './archive-error.ts';

/** One record of a PAX extended header; the value is bytes, for attributes are binary. */
export interface PaxRecord {
  readonly key: string;
  readonly value: Buffer;
}

/**
 * Parses the body of a PAX extended header (POSIX.1-2017 pax): records of
 * `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record. A value may hold
 * any byte, newlines too.
 * @throws GantryError ARCHIVE_CORRUPT
 */
export function parsePax(body: Buffer): readonly PaxRecord[] {
  const records: PaxRecord[] = [];

  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const digits = space === -1 ? '' : body.toString('latin1', at, space);
    const length = /^[1-9][0-9]{0,9}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = body.indexOf(0x3d, space);
    if (
      end <= space ||
      end > body.length ||
      body[end - 1] !== 0x0a ||
      equals === -1 ||
      equals >= end
    )
      throw corrupt('a PAX header holds a broken record');

    records.push({
      key: body.toString('utf8', space + 1, equals),
      value: Buffer.from(body.subarray(equals + 1, end - 1)),
    });
    at = end;
  }

  return records;
}

/**
 * A PAX integer.
 * @throws GantryError ARCHIVE_CORRUPT
 */
export function paxInteger(key: string, value: Buffer): number {
  const text = value.toString('latin1');
  const parsed = Number(text);
  if (!/^-?[0-9]+$/.test(text) || !Number.isSafeInteger(parsed))
    throw corrupt(`the PAX record "${key}" is no number`);

  return parsed;
}

/**
 * A PAX time: seconds since 1970 with a decimal fraction.
 * @returns nanoseconds
 * @throws GantryError ARCHIVE_CORRUPT
 */
export function paxTime(key: string, value: Buffer): bigint {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value.toString('latin1'));
  if (match === null) throw corrupt(`the PAX record "${key}" is no time`);

  const fraction = (match[3] ?? '').slice(0, 9).padEnd(9, '0');
  const ns = BigInt(match[2] ?? '0') * 1_000_000_000n + BigInt(fraction);
  return match[1] === '-' ? -ns : ns;
}
