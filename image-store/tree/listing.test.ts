import {
  chmodSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { createListingBuilder, findDifference, readListing } from './listing.ts';
import { walkTree } from './walk.ts';

let dir: string;
let root: string;
let listingPath: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'listing-'));
  root = join(dir, 'root');
  listingPath = join(dir, 'listing');
  mkdirSync(join(root, 'etc/conf.d'), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'root');
  writeFileSync(join(root, 'etc/conf.d/ü "x"'), '');
  symlinkSync('/etc/passwd', join(root, 'link'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function list(): void {
  const listing = createListingBuilder();
  for (const { path, record } of walkTree(linuxKernel, root)) listing.add(path, record);
  writeFileSync(listingPath, Buffer.concat(listing.encode()));
}

function difference(): string | undefined {
  const listing = readListing(listingPath);
  if (listing === undefined) throw new Error('no listing');
  return findDifference(linuxKernel, root, listing);
}

/** Changes made within one tick of the kernel's clock would carry the same time. */
async function tick(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('findDifference()', () => {
  it('finds nothing in a tree that nobody touched', () => {
    list();

    expect(difference()).toBeUndefined();
    readFileSync(join(root, 'etc/passwd'));
    expect(difference()).toBeUndefined();
  });

  it.each([
    ['a file added', () => writeFileSync(join(root, 'etc/new'), ''), '"etc/new" was added'],
    ['a directory added', () => mkdirSync(join(root, 'new')), '"new" was added'],
    ['a file removed', () => rmSync(join(root, 'etc/passwd')), '"etc/passwd" was removed'],
    ['a link removed', () => rmSync(join(root, 'link')), '"link" was removed'],
    [
      'a file renamed',
      () => renameSync(join(root, 'etc/passwd'), join(root, 'etc/q')),
      /"etc\/(?:q" was added|passwd" was removed)/,
    ],
    [
      'content changed',
      () => writeFileSync(join(root, 'etc/passwd'), 'evil'),
      '"etc/passwd" was changed',
    ],
    ['a file cut', () => truncateSync(join(root, 'etc/passwd')), '"etc/passwd" was changed'],
    [
      'a mode changed',
      () => chmodSync(join(root, 'etc/passwd'), 0o4755),
      '"etc/passwd" was changed',
    ],
    [
      'a name more',
      () => linkSync(join(root, 'etc/passwd'), join(dir, 'x')),
      '"etc/passwd" was changed',
    ],
    [
      'an attribute set',
      () => linuxKernel.setXattr(join(root, 'etc/passwd'), 'user.a', Buffer.from('b')),
      '"etc/passwd" was changed',
    ],
    [
      'a link replaced',
      () => {
        rmSync(join(root, 'link'));
        symlinkSync('/etc/shadow', join(root, 'link'));
      },
      '"link" was changed',
    ],
    ['a time of a link set', () => lutimesSync(join(root, 'link'), 1, 1), '"link" was changed'],
    [
      'a directory changed',
      () => chmodSync(join(root, 'etc/conf.d'), 0o700),
      'the directory "/etc/conf.d" was changed',
    ],
    ['the root changed', () => chmodSync(root, 0o700), 'the directory "/" was changed'],
    ['a file added to the root', () => writeFileSync(join(root, 'x'), ''), '"x" was added'],
    [
      'a file become a directory',
      () => {
        rmSync(join(root, 'etc/passwd'));
        mkdirSync(join(root, 'etc/passwd'));
      },
      /etc\/passwd/,
    ],
  ])('finds %s', async (_, change, expected) => {
    list();
    await tick();
    change();

    expect(difference()).toMatch(expected);
  });

  it('finds a change whose time and size were put back', async () => {
    const path = join(root, 'etc/passwd');
    utimesSync(path, 1000, 1000);
    list();
    await tick();
    writeFileSync(path, 'toor');
    utimesSync(path, 1000, 1000);

    expect(difference()).toBe('"etc/passwd" was changed');
  });

  it('finds another tree put in its place', async () => {
    list();
    await tick();
    renameSync(root, join(dir, 'old'));
    mkdirSync(root);

    expect(difference()).toBeDefined();
  });
});

describe('readListing()', () => {
  it.each([
    ['missing', undefined],
    ['empty', Buffer.alloc(0)],
    ['no JSON', Buffer.from('x\n')],
    ['of another version', Buffer.from('{"version":2,"entries":0,"words":11}\n')],
    ['cut off', Buffer.from('{"version":1,"entries":5,"words":11}\n12345678')],
  ])('gives nothing for a listing that is %s', (_, bytes) => {
    if (bytes !== undefined) writeFileSync(listingPath, bytes);

    expect(readListing(listingPath)).toBeUndefined();
  });

  it('gives nothing when the last path is missing', () => {
    list();
    const whole = readFileSync(listingPath);
    writeFileSync(listingPath, whole.subarray(0, whole.lastIndexOf(0, whole.length - 2) + 1));

    expect(readListing(listingPath)).toBeUndefined();
  });
});
