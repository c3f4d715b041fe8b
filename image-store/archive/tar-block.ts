import { isUtf8 } from 'node:buffer';
import { corrupt } from './archive-error.ts';

/** Length of a tar block, POSIX.1-2017 pax, ustar interchange format. */
export const BLOCK = 512;

/** One header block, nothing applied to it yet. */
export interface TarBlock {
  /** The type flag, one character; NUL for the oldest files. */
  readonly flag: string;
  readonly name: Buffer;
  readonly linkName: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
  /** Whether it is of the old GNU format, whose sparse map lies in the header. */
  readonly gnu: boolean;
  /** The block itself, of a sparse file of that format copied; of others valid as long as what it was decoded from. */
  readonly raw: Buffer;
}

/** The type flag of a sparse file whose map goes on behind the header. */
const OLD_SPARSE = 'S';

/**
 * Decodes a header block, ustar, GNU or older. Its names are pieces of the block,
 * which is not copied: a million of them would be half a gigabyte of garbage.
 * @returns undefined for a block of zeros
 * @throws GantryError ARCHIVE_CORRUPT
 */
export function decodeBlock(shared: Buffer): TarBlock | undefined {
  if (isZero(shared)) return undefined;

  const flag = String.fromCharCode(shared[156] ?? 0);
  const raw = flag === OLD_SPARSE ? Buffer.from(shared) : shared;
  checkSum(raw);
  const magic = raw.toString('latin1', 257, 265);
  const posix = magic.startsWith('ustar\0');

  return {
    flag,
    name: fullName(raw, posix),
    linkName: cut(raw, 157, 100),
    mode: number(raw, 100, 8),
    uid: number(raw, 108, 8),
    gid: number(raw, 116, 8),
    size: number(raw, 124, 12),
    mtime: number(raw, 136, 12),
    major: posix || magic.startsWith('ustar ') ? number(raw, 329, 8) : 0,
    minor: posix || magic.startsWith('ustar ') ? number(raw, 337, 8) : 0,
    gnu: magic === 'ustar  \0',
    raw,
  };
}

/** Whether a block holds only zeros: the mark of an archive's end. */
export function isZero(block: Buffer): boolean {
  return block[0] === 0 && block.every((byte) => byte === 0);
}

/**
 * Text of a name in an archive.
 * @throws GantryError ARCHIVE_CORRUPT when it is not UTF-8: changed names would break the image unnoticed
 */
export function nameText(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();

  throw corrupt(`the name "${bytes.toString('latin1').replace(/[^ -~]/g, '?')}" is not UTF-8`);
}

/** The bytes of a field up to its first NUL. */
export function cut(raw: Buffer, offset: number, length: number): Buffer {
  const field = raw.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return end === -1 ? field : field.subarray(0, end);
}

/**
 * A number field: octal text, or base 256 when its first bit is set (GNU, star).
 * @throws GantryError ARCHIVE_CORRUPT for anything else
 */
export function number(raw: Buffer, offset: number, length: number): number {
  const first = raw[offset] ?? 0;
  if ((first & 0x80) !== 0) return base256(raw.subarray(offset, offset + length));

  return octal(raw, offset, offset + length);
}

/** Octal digits with spaces around, ended by a space, NUL or the field's end; nothing at all is 0. */
function octal(raw: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && raw[at] === 0x20) at++;

  let value = 0;
  for (; at < end; at++) {
    const byte = raw[at] ?? 0;
    if (byte < 0x30 || byte > 0x37) break;
    value = value * 8 + (byte - 0x30);
  }
  while (at < end && raw[at] === 0x20) at++;
  if (at < end && raw[at] !== 0) throw corrupt('a header holds a number that is none');

  return value;
}

function base256(field: Buffer): number {
  const negative = ((field[0] ?? 0) & 0x40) !== 0;
  let value = BigInt((field[0] ?? 0) & (negative ? 0x7f : 0x3f));
  for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
  if (negative) value -= 1n << BigInt(field.length * 8 - 1);

  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw corrupt('a header holds a number beyond all bounds');
  return result;
}

function fullName(raw: Buffer, posix: boolean): Buffer {
  const name = cut(raw, 0, 100);
  const prefix = posix ? cut(raw, 345, 155) : Buffer.alloc(0);

  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

/** The sum of all bytes, those of the sum's own field counted as spaces. */
function checkSum(raw: Buffer): void {
  let sum = 8 * 0x20;
  for (let i = 0; i < 148; i++) sum += raw[i] as number;
  for (let i = 156; i < BLOCK; i++) sum += raw[i] as number;
  if (sum !== number(raw, 148, 8)) throw corrupt('a header does not match its check sum');
}
