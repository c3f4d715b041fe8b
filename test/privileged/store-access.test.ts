import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { type ActorProgram, buildActor, startActor } from '../helpers/start-actor.ts';
import { addImage, openTestStore } from '../helpers/test-store.ts';

const GROUP = 61_234;
const MEMBER = `61235:${GROUP}`;
const OTHER_MEMBER = `61236:${GROUP}`;
const STRANGER = '61235:61235';

describe.runIf(requires('root'))('an image store with a group of its own', () => {
  let program: ActorProgram;
  beforeAll(async () => {
    program = await buildActor();
    chmodSync(join(program.path, '..'), 0o755);
  });
  afterAll(() => {
    program.remove();
  });

  let root: string;
  let dir: string;
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'access-'));
    chmodSync(root, 0o755);
    dir = join(root, 'cas');
    using store = openTestStore(dir, { groupId: GROUP });
    await addImage(store, { name: 'of-root' });
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  const act = (identity: string, action: string, argument = ''): Promise<readonly string[]> =>
    startActor(program, { dir, action, argument, identity }).said;

  it('lets its members list and fetch, whoever brought an image first and whatever the umask', async () => {
    const umask = process.umask(0o077);
    try {
      expect(await act(MEMBER, 'list')).toEqual(['of-root']);
      await act(MEMBER, 'fetch', 'of-member');
      await act(OTHER_MEMBER, 'fetch', 'of-member');
      await act(OTHER_MEMBER, 'prepare', '2');
    } finally {
      process.umask(umask);
    }

    for (const name of readdirSync(dir, { recursive: true, withFileTypes: true })) {
      const { mode, gid } = statSync(join(name.parentPath, name.name));
      expect([name.name, gid, mode]).toEqual([
        name.name,
        GROUP,
        name.isFile() ? 0o100660 : 0o42770,
      ]);
    }
    await act(MEMBER, 'collect', '1');
    expect(await act(MEMBER, 'list')).toEqual([]);
  });

  it('is given to a group that was made later when root collects next', async () => {
    const later = join(root, 'later');
    const before = openTestStore(later);
    const { key } = await addImage(before, { name: 'a' });
    before.close();
    const part = { dir: later, action: 'list', identity: MEMBER } as const;
    await expect(startActor(program, part).said).rejects.toThrow('STORE_NO_PERMISSION');

    using store = openTestStore(later, { groupId: GROUP });
    await store.gc({ graceMs: 1e9, inUse: () => ({ images: new Set([key]), trees: new Set() }) });
    expect(await startActor(program, part).said).toEqual(['a']);
    await startActor(program, { ...part, action: 'fetch', argument: 'a' }).said;
  });

  it('tells a stranger what to do', async () => {
    await expect(act(STRANGER, 'list')).rejects.toThrow(
      /STORE_NO_PERMISSION: cannot use image store ".*": permission denied \(.*group "gantry"\)/,
    );
    await expect(act(STRANGER, 'fetch', 'x')).rejects.toThrow('STORE_NO_PERMISSION');
  });
});
