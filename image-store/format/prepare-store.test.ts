import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockPath, tryLockPath } from '#base/lock/directory-lock';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { createLog, nullLog } from '#base/log/log';
import { addImage, openTestStore } from '../../test/helpers/test-store.ts';
import type { StoreContext } from './context.ts';
import { backupsDir, blobPath, manifestPath, storeDirs, versionPath } from './layout.ts';
import { prepareStore, type StoreFormats } from './prepare-store.ts';
import { STORE_VERSION } from './version.ts';

let root: string;
let dir: string;
let context: StoreContext;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'format-'));
  dir = join(root, 'data', 'cas');
  context = { dir, kernel: linuxKernel, log: nullLog, clock: () => 1e12, groupId: undefined };
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

describe('prepareStore()', () => {
  it('makes a store with folders for its group, whatever the umask', () => {
    const umask = process.umask(0o077);
    try {
      prepareStore(context).release();
    } finally {
      process.umask(umask);
    }

    for (const folder of [dir, ...storeDirs(dir)]) expect(statSync(folder).mode).toBe(0o42770);
    expect(statSync(versionPath(dir)).mode & 0o777).toBe(0o660);
    expect(readFileSync(versionPath(dir), 'utf8')).toBe(`${STORE_VERSION}\n`);
    expect(existsSync(backupsDir(dir))).toBe(false);
  });

  it('holds a shared lock', () => {
    using _one = prepareStore(context);
    using _two = prepareStore(context);

    expect(tryLockPath(linuxKernel, dir, 'exclusive')).toBeUndefined();
  });

  it('finishes a store that was made halfway', () => {
    mkdirSync(join(dir, 'blob'), { recursive: true });
    prepareStore(context).release();

    for (const folder of storeDirs(dir)) expect(existsSync(folder)).toBe(true);
  });

  it('rejects a newer format and a damaged number, and leaves the store as it is', () => {
    prepareStore(context).release();
    writeFileSync(versionPath(dir), '99\n');
    expect(() => prepareStore(context)).toThrow(expect.objectContaining({ code: 'STORE_TOO_NEW' }));
    writeFileSync(versionPath(dir), 'x');
    expect(() => prepareStore(context)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }));

    expect(readFileSync(versionPath(dir), 'utf8')).toBe('x');
    expect(tryLockPath(linuxKernel, dir, 'exclusive')).toBeDefined();
  });
});

describe('prepareStore(), after somebody removed the index', () => {
  it('makes it anew; acceptance and what was the latest survive', async () => {
    const before = openTestStore(dir);
    const record = await addImage(before, { name: 'a' }, { latest: true });
    before.close();
    rmSync(join(dir, 'index'), { recursive: true });
    rmSync(join(dir, 'tmp'), { recursive: true });

    using store = openTestStore(dir);
    expect(store.list()).toEqual([record]);
  });
});

describe('prepareStore(), migrating', () => {
  const steps: string[] = [];
  const step = (from: number): StoreFormats['migrations'][number] => ({
    from,
    isNeeded: () => true,
    run: ({ dir: store }, backup) => {
      expect(tryLockPath(linuxKernel, store, 'shared')).toBeUndefined();
      steps.push(`${from} ${readdirSync(backup).sort().join()}`);
    },
  });
  const formats: StoreFormats = { current: 3, migrations: [step(0), step(2), step(1)] };
  beforeEach(() => {
    steps.length = 0;
    mkdirSync(dir, { recursive: true });
    writeFileSync(versionPath(dir), '1\n');
  });

  it('takes one step after another, alone, with a backup of each', () => {
    prepareStore(context, formats).release();

    expect(steps).toEqual(['1 index,version', '2 index,version']);
    expect(readFileSync(versionPath(dir), 'utf8')).toBe('3\n');
    expect(readdirSync(backupsDir(dir))).toEqual([
      '2001-09-09T01-46-40.000Z-format-1',
      '2001-09-09T01-46-40.000Z-format-2',
    ]);
  });

  it('goes on where it failed', () => {
    const broken: StoreFormats = {
      current: 3,
      migrations: [
        step(1),
        {
          ...step(2),
          run: () => {
            throw new Error('no');
          },
        },
      ],
    };
    expect(() => prepareStore(context, broken)).toThrow('no');
    expect(readFileSync(versionPath(dir), 'utf8')).toBe('2\n');
    prepareStore(context, formats).release();

    expect(steps.map((text) => text[0])).toEqual(['1', '2']);
  });

  it('waits for who uses the store, and says so', () => {
    const user = lockPath(linuxKernel, dir, 'shared');
    const said: string[] = [];
    const log = createLog(({ message }) => {
      said.push(message);
      if (message.startsWith('waiting')) user.release();
    });
    prepareStore({ ...context, log }, formats).release();

    expect(said[0]).toMatch(/^waiting for others to leave image store/);
    expect(steps).toHaveLength(2);
  });
});

describe("prepareStore(), taking over rkt's store", () => {
  it('indexes its images as accepted insecurely and puts its database and trees away', async () => {
    const other = openTestStore(join(root, 'other'));
    const { key, size } = await addImage(other, { name: 'a', version: '1' });
    other.close();
    for (const [from, to] of [
      [blobPath(join(root, 'other'), key), blobPath(dir, key)],
      [manifestPath(join(root, 'other'), key), manifestPath(dir, key)],
    ] as const) {
      cpSync(from, to, { recursive: true });
    }
    const unreadable = `sha512-${'0'.repeat(64)}`;
    mkdirSync(join(dir, 'blob/sha512/00'));
    writeFileSync(join(dir, 'blob/sha512/00', unreadable), '');
    mkdirSync(join(dir, 'db'));
    writeFileSync(join(dir, 'db/ql.db'), 'ql');
    mkdirSync(join(dir, 'tree/deps-x'), { recursive: true });

    const said: string[] = [];
    using store = openTestStore(dir, { log: createLog(({ message }) => said.push(message)) });

    expect(store.list()).toMatchObject([
      { key, size, name: 'a', latest: false, accepted: { how: 'insecure' } },
    ]);
    expect(said.join('\n')).toContain(`leaving image ${unreadable} out of the store`);
    const [backup = ''] = readdirSync(backupsDir(dir));
    expect(readdirSync(join(backupsDir(dir), backup)).sort()).toEqual(['db', 'index', 'tree']);
    expect(existsSync(join(dir, 'tree'))).toBe(false);
  });
});
