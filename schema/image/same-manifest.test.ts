import { describe, expect, it } from 'vitest';
import { parseImageManifest } from './image-manifest.ts';
import { isSameManifest } from './same-manifest.ts';

const app = { exec: ['/a'], user: '0', group: '0' };
const manifest = (more: object): Parameters<typeof isSameManifest>[0] =>
  parseImageManifest(
    JSON.stringify({ acKind: 'ImageManifest', acVersion: '0.8.11', name: 'a', ...more }),
  );

describe('isSameManifest()', () => {
  it.each([
    [
      'whatever the order',
      { labels: [], app },
      { app: { group: '0', user: '0', exec: ['/a'] }, labels: [] },
      true,
    ],
    [
      'whether what is empty is written down',
      { app: { ...app, ports: [] }, labels: [] },
      { app },
      true,
    ],
    ['but for another word', { app }, { app: { ...app, exec: ['/b'] } }, false],
    [
      'but for another order of words',
      { app: { ...app, exec: ['/a', 'b', 'c'] } },
      { app: { ...app, exec: ['/a', 'c', 'b'] } },
      false,
    ],
    ['but for what is left out', { app, pathWhitelist: ['/a'] }, { app }, false],
  ])('is told by what they say, %s', (...[, one, other, same]) => {
    expect(isSameManifest(manifest(one), manifest(other))).toBe(same);
  });
});
