import { describe, expect, it } from 'vitest';
import { parseImageKey } from '#schema/types/image-hash';
import { shareOut, sharedImages } from './image-shares.ts';

const key = (digit: string): ReturnType<typeof parseImageKey> =>
  parseImageKey(`sha512-${digit.repeat(64)}`);
const [BASE, WEB, DB, ALONE] = [key('a'), key('b'), key('c'), key('d')];

describe('shareOut()', () => {
  const images = [
    { key: BASE, needs: [BASE], blob: 100, trees: 0 },
    { key: WEB, needs: [WEB, BASE], blob: 10, trees: 1000 },
    { key: DB, needs: [DB, BASE], blob: 20, trees: 2000 },
    { key: ALONE, needs: [ALONE], blob: 5, trees: 50 },
  ];

  it('tells what only one image is made of from what others are too', () => {
    expect(Object.fromEntries(shareOut(images))).toEqual({
      [BASE]: { shared: 100, unique: 0 },
      [WEB]: { shared: 100, unique: 1010 },
      [DB]: { shared: 100, unique: 2020 },
      [ALONE]: { shared: 0, unique: 55 },
    });
  });

  it('shares everything out: unique bytes, and shared ones once', () => {
    const shared = sharedImages(images);
    const unique = [...shareOut(images).values()].reduce((sum, each) => sum + each.unique, 0);
    const common = images
      .filter((each) => shared.has(each.key))
      .reduce((sum, { blob }) => sum + blob, 0);

    expect(unique + common).toBe(100 + 10 + 20 + 5 + 1000 + 2000 + 50);
  });
});
