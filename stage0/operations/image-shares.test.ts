import { describe, expect, it } from 'vitest';
import { parseImageKey } from '#schema/types/image-hash';
import { shareOut, sharedParts, type SizedImage, sizeOfAll } from './image-shares.ts';

const key = (digit: string): ReturnType<typeof parseImageKey> =>
  parseImageKey(`sha512-${digit.repeat(64)}`);
const [BASE, WEB, DB, ALONE] = [key('a'), key('b'), key('c'), key('d')];
const image = (of: SizedImage['key'], parts: Readonly<Record<string, number>>): SizedImage => ({
  key: of,
  parts: new Map(Object.entries(parts)),
});

describe('shareOut()', () => {
  const images = [
    image(BASE, { base: 100 }),
    image(WEB, { web: 10, base: 100, tree1: 1000 }),
    image(DB, { db: 20, base: 100, layer: 7, tree2: 2000 }),
    image(ALONE, { alone: 5, layer: 7, tree3: 50 }),
  ];

  it('tells what only one image is made of from what others are too', () => {
    expect(Object.fromEntries(shareOut(images))).toEqual({
      [BASE]: { shared: 100, unique: 0 },
      [WEB]: { shared: 100, unique: 1010 },
      [DB]: { shared: 107, unique: 2020 },
      [ALONE]: { shared: 7, unique: 55 },
    });
  });

  it('shares everything out: unique bytes, and shared ones once', () => {
    const unique = [...shareOut(images).values()].reduce((sum, each) => sum + each.unique, 0);

    expect([...sharedParts(images)].sort()).toEqual(['base', 'layer']);
    expect(unique + 100 + 7).toBe(sizeOfAll(images));
  });
});
