import { mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { MS, UMOUNT } from '#base/kernel/kernel';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { requires } from '../helpers/requires.ts';
import { imageNamed } from '../helpers/store-images.ts';
import { addImage, openTestStore } from '../helpers/test-store.ts';
import { tinyAci } from '../helpers/tiny-aci.ts';

const PAGE = 4096;
const IMAGE_BYTES = tinyAci(imageNamed('second')).length;

describe.runIf(requires('root', 'mount-namespace'))('an image store on a full disk', () => {
  let disk: string;
  beforeEach(() => {
    disk = mkdtempSync(join(tmpdir(), 'full-'));
    linuxKernel.mount({
      source: 'tmpfs',
      target: disk,
      fstype: 'tmpfs',
      flags: MS.NOSUID | MS.NODEV,
      data: 'size=12m',
    });
  });
  afterEach(() => {
    linuxKernel.unmount(disk, UMOUNT.DETACH);
    rmSync(disk, { recursive: true });
  });

  const filler = (): string => join(disk, 'filler');
  function leave(bytes: number): void {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(filler(), Buffer.alloc(bavail * bsize - bytes));
  }

  // From no room at all, over room for a part of the blob, to just not enough for what is written beside it.
  const pages = [0, 1, 64, 700, ...Array.from({ length: 10 }, (_, index) => index)];
  const rooms = pages.map((count, index) =>
    index < 4 ? count * PAGE : Math.ceil(IMAGE_BYTES / PAGE + count) * PAGE,
  );

  it('takes in an image whole or not at all, and goes on when there is room', async () => {
    const dir = join(disk, 'cas');
    using store = openTestStore(dir);
    const first = await addImage(store, imageNamed('first'));
    let refused = 0;
    for (const room of rooms) {
      leave(room);
      const added = await addImage(store, imageNamed('second')).catch((error: unknown) => error);
      rmSync(filler());
      if (isGantryError(added)) {
        expect(added.code).toBe('STORE_FULL');
        expect(store.list().map(({ key }) => key)).toEqual([first.key]);
        refused += 1;
      } else {
        expect(store.list()).toHaveLength(2);
        const [other] = store.list().filter(({ key }) => key !== first.key);
        if (other !== undefined) await store.remove(other.key);
      }
      expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
      await store.verifyBlobs(first.key);
    }

    expect(refused).toBeGreaterThanOrEqual(5);
    expect(await addImage(store, imageNamed('second'))).toBeDefined();
  });

  it('still opens, lists, touches and collects without any room', async () => {
    const dir = join(disk, 'cas');
    const before = openTestStore(dir);
    const { key } = await addImage(before, imageNamed('first'));
    before.close();
    leave(0);

    using store = openTestStore(dir);
    store.touch(key);
    expect(store.list()).toHaveLength(1);
    const nobody = { images: new Set<never>(), trees: new Set<never>() };
    expect((await store.gc({ graceMs: -1, inUse: () => nobody })).images).toEqual([key]);
  });

  it('says so when it cannot be made', () => {
    leave(0);

    expect(() => openTestStore(join(disk, 'cas'))).toThrow(
      expect.objectContaining({ code: 'STORE_FULL' }),
    );
  });
});
