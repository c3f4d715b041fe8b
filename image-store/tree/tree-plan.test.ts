import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type ImageManifest, parseImageManifest } from '#schema/image/image-manifest';
import { type ImageKey, imageKeyOf } from '#schema/types/image-hash';
import { type ImageSource, planAlone, planTree, treeIdOf } from './tree-plan.ts';

const keyOf = (name: string): ImageKey => imageKeyOf(createHash('sha512').update(name).digest());

interface Given {
  readonly dependencies?: readonly string[];
  readonly pathWhitelist?: readonly string[];
}

/** A store in which an image's blob has the image's name. */
function storeOf(images: Readonly<Record<string, Given>>): ImageSource {
  const names = new Map(Object.keys(images).map((name) => [keyOf(name), name]));
  const nameOf = (key: ImageKey): string => names.get(key) ?? 'missing';

  return {
    manifest: (key) => manifestOf(nameOf(key), images[nameOf(key)] ?? {}),
    blobPath: nameOf,
    layersOf: () => undefined,
    resolve: ({ imageName }) => keyOf(imageName),
  };
}

function manifestOf(name: string, { dependencies = [], pathWhitelist = [] }: Given): ImageManifest {
  return parseImageManifest(
    JSON.stringify({
      acKind: 'ImageManifest',
      acVersion: '0.8.11',
      name,
      dependencies: dependencies.map((imageName) => ({ imageName })),
      pathWhitelist,
    }),
  );
}

const blobs = (source: ImageSource, name: string): readonly string[] =>
  planTree(keyOf(name), source).layers.map(({ blob }) => blob);

describe('planTree()', () => {
  it('puts dependencies first, depth first, in their order', () => {
    const source = storeOf({
      a: { dependencies: ['b', 'c'] },
      b: {},
      c: { dependencies: ['d', 'e'] },
      d: {},
      e: {},
    });

    expect(blobs(source, 'a')).toEqual(['b', 'd', 'e', 'c', 'a']);
  });

  it('makes the id of the image first and its last dependency next, as rkt does', () => {
    const source = storeOf({ a: { dependencies: ['b', 'c'] }, b: {}, c: {} });
    const joined = ['a', 'c', 'b'].map(keyOf).join(',');
    const digest = createHash('sha512').update(joined).digest('hex');

    expect(planTree(keyOf('a'), source).id).toBe(`deps-sha512-${digest.slice(0, 64)}`);
  });

  it('hands down the whitelists of those that depend on an image, not of others', () => {
    const source = storeOf({
      a: { dependencies: ['b', 'c'], pathWhitelist: ['/a'] },
      b: { pathWhitelist: ['/b'] },
      c: { dependencies: ['d'] },
      d: { pathWhitelist: ['/d'] },
    });
    const lists = planTree(keyOf('a'), source).layers.map(({ blob, whitelists }) => [
      blob,
      whitelists.flat(),
    ]);

    expect(lists).toEqual([
      ['b', ['/a', '/b']],
      ['d', ['/a', '/d']],
      ['c', ['/a']],
      ['a', ['/a']],
    ]);
  });

  it('takes an image twice that two others depend on', () => {
    const source = storeOf({
      a: { dependencies: ['b', 'c'] },
      b: { dependencies: ['d'] },
      c: { dependencies: ['d'] },
      d: {},
    });

    expect(blobs(source, 'a')).toEqual(['d', 'b', 'd', 'c', 'a']);
  });

  it('rejects an image that depends on itself', () => {
    const source = storeOf({ a: { dependencies: ['b'] }, b: { dependencies: ['a'] } });

    expect(() => planTree(keyOf('a'), source)).toThrow(
      expect.objectContaining({ code: 'IMAGE_DEPENDENCY_CYCLE' }),
    );
  });

  it('rejects dependencies that multiply without end', () => {
    const twice = Array.from({ length: 40 }, (_, i) => [
      `i${i}`,
      { dependencies: [`i${i + 1}`, `i${i + 1}`] },
    ]);
    const source = storeOf({ ...(Object.fromEntries(twice) as Record<string, Given>), i40: {} });

    expect(() => planTree(keyOf('i0'), source)).toThrow(
      expect.objectContaining({
        code: 'IMAGE_TOO_MANY_DEPENDENCIES',
        message: expect.stringContaining(`"${source.manifest(keyOf('i0')).name}"`),
      }),
    );
  });
});

describe('planAlone()', () => {
  it('leaves out dependencies and whitelists', () => {
    const source = storeOf({ a: { dependencies: ['b'], pathWhitelist: ['/a'] }, b: {} });
    const plan = planAlone(keyOf('a'), source);

    expect(plan.layers).toEqual([{ key: keyOf('a'), blob: 'a', whitelists: [] }]);
    expect(plan.id).toBe(treeIdOf([keyOf('a')]));
  });
});
