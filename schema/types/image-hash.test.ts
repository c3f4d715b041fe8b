import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  imageIdMatches,
  imageKeyOf,
  isImageKeyPrefix,
  parseImageId,
  parseImageKey,
} from './image-hash.ts';

const digest = createHash('sha512').update('an image').digest();
const hex = digest.toString('hex');

describe('imageKeyOf()', () => {
  it('takes the first half of the digest', () => {
    expect(imageKeyOf(digest)).toBe(`sha512-${hex.slice(0, 64)}`);
  });

  it('takes no digest of another size', () => {
    expect(() => imageKeyOf(digest.subarray(0, 32))).toThrow('not a sha512: 32 bytes');
  });
});

describe('parseImageKey()', () => {
  it('takes a key, and shortens a full id', () => {
    const key = `sha512-${hex.slice(0, 64)}`;

    expect(parseImageKey(key)).toBe(key);
    expect(parseImageKey(`sha512-${hex}`)).toBe(key);
  });

  it.each([
    'sha512-12',
    `sha256-${hex.slice(0, 63)}`,
    `sha384-${hex.slice(0, 64)}`,
    `sha512-${hex.slice(0, 64).toUpperCase()}A`,
    `sha512-${hex.slice(0, 100)}`,
    `../sha512-${hex.slice(0, 64)}`,
  ])('refuses %s', (text) => {
    expect(() => parseImageKey(text)).toThrow(
      expect.objectContaining({ code: 'IMAGE_ID_INVALID' }),
    );
  });
});

describe('isImageKeyPrefix()', () => {
  it.each([
    ['sha512-', false],
    ['sha512-0', false],
    ['sha512-0a', true],
    ['sha512-0g', false],
    ['sha256-0a', true],
    ['sha384-0a', false],
    ['sha512-0a ', false],
  ])('says of %j: %s', (text, answer) => {
    expect(isImageKeyPrefix(text)).toBe(answer);
  });
});

describe('imageIdMatches()', () => {
  it('knows its image by the key, by the full id and by a prefix', () => {
    const key = imageKeyOf(digest);

    expect(imageIdMatches(key, key)).toBe(true);
    expect(imageIdMatches(parseImageId(`sha512-${hex}`), key)).toBe(true);
    expect(imageIdMatches(parseImageId(`sha512-${hex.slice(0, 12)}`), key)).toBe(true);
  });

  it('knows no other', () => {
    const other = hex.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));

    expect(imageIdMatches(parseImageId(`sha512-${other}`), imageKeyOf(digest))).toBe(false);
  });
});
