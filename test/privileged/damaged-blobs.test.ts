import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TarEntry } from '../helpers/hostile-tar.ts';
import { requires } from '../helpers/requires.ts';
import { makeTreeFixture, type TreeFixture } from '../helpers/tree-fixture.ts';

let fixture: TreeFixture;
beforeEach(() => {
  fixture = makeTreeFixture();
});
afterEach(() => {
  fixture.cleanUp();
});

const file = (path: string, body = path): TarEntry => ({ path: `rootfs/${path}`, body });
const names = (dir: string): readonly string[] => (existsSync(dir) ? readdirSync(dir) : []);

function replace(blob: string, from: string, to: string): void {
  const bytes = readFileSync(blob);
  bytes.write(to, bytes.indexOf(from), 'latin1');
  writeFileSync(blob, bytes);
}

/** What may happen to the archive of the image "a", whose whitelist drops the file "left-out". */
const DAMAGES: readonly (readonly [string, (blob: string) => void])[] = [
  ['the content of a file', (blob) => replace(blob, 'good content', 'evil content')],
  [
    'the content of a file that is left out',
    (blob) => replace(blob, 'left content', 'evil content'),
  ],
  ['the padding of a file', (blob) => replace(blob, 'good content\0', 'good content!')],
  ['the manifest', (blob) => replace(blob, '0.8.11', '0.8.12')],
  ['a header', (blob) => replace(blob, 'rootfs/kept', 'rootfs/evil')],
  ['more zeros behind its end', (blob) => appendFileSync(blob, Buffer.alloc(512))],
  ['fewer zeros behind its end', (blob) => truncateSync(blob, readFileSync(blob).length - 512)],
  ['half of it', (blob) => truncateSync(blob, readFileSync(blob).length / 2)],
  ['nothing', (blob) => truncateSync(blob, 0)],
];

describe.runIf(requires('root')).each(['a', 'above'])(
  'the image "%s", of a damaged archive',
  (name) => {
    it.each(DAMAGES)('is not used: %s', async (_, damage) => {
      fixture.add('a', {
        entries: [file('kept', 'good content'), file('left-out', 'left content')],
        pathWhitelist: ['/kept'],
      });
      fixture.add('above', { dependencies: ['a'] });
      const plan = fixture.plan(name);
      const [{ key, blob } = { key: '', blob: '' }] = plan.layers;
      damage(blob);
      const refusal = {
        code: 'IMAGE_CORRUPT',
        message: expect.stringContaining(`cannot use image ${key}: its blob now hashes to sha512-`),
        hint: expect.stringContaining('fetch it again'),
      };

      await expect(fixture.trees.render(plan)).rejects.toMatchObject(refusal);
      const before = names(fixture.dir);
      const dir = join(fixture.dir, 'extracted');
      await expect(fixture.trees.extract(plan, { dir })).rejects.toMatchObject(refusal);
      expect(names(fixture.dir)).toEqual(before);
      expect(names(join(fixture.cas, 'tree'))).toEqual([]);
      expect(names(join(fixture.cas, 'tmp'))).toEqual([]);
    });
  },
);
