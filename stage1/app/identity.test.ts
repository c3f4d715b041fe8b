import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf } from '../../test/helpers/code-of.ts';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { type IdentityRequest, resolveIdentity } from './identity.ts';

let dir: string;
let root: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'identity-'));
  root = join(dir, 'root');
  mkdirSync(join(root, 'etc'), { recursive: true });
  mkdirSync(join(dir, 'etc'));
  writeFileSync(
    join(root, 'etc', 'passwd'),
    'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:100:u:/home/u:/bin/ash\nbroken\n\n99:x:7:7:::\n',
  );
  writeFileSync(join(root, 'etc', 'group'), 'root:x:0:\nusers:x:100:user\n');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function identityOf(request: Partial<IdentityRequest>): ReturnType<typeof resolveIdentity> {
  return resolveIdentity(root, { user: '0', group: '0', supplementaryGids: [], ...request });
}

describe('resolveIdentity()', () => {
  it('finds names in the image, with the account behind them', () => {
    expect(identityOf({ user: 'user', group: 'users', supplementaryGids: [5] })).toEqual({
      uid: 1000,
      gid: 100,
      supplementaryGids: [5],
      account: { name: 'user', home: '/home/u', shell: '/bin/ash' },
    });
  });

  it('adds the groups that the user is in where that is asked for', () => {
    writeFileSync(
      join(root, 'etc', 'group'),
      'users:x:100:\nweb:x:8:a,user\nother:x:9:user2\nlog:x:10:user\nagain:x:10:user\n',
    );
    const request = { user: 'user', group: undefined, withMemberships: true };

    expect(identityOf({ ...request, supplementaryGids: [8] })).toMatchObject({
      gid: 100,
      supplementaryGids: [8, 10],
    });
    expect(identityOf({ ...request, user: '1000' }).supplementaryGids).toEqual([8, 10]);
    expect(identityOf({ ...request, user: '55' })).toMatchObject({ gid: 0, supplementaryGids: [] });
    expect(identityOf({ ...request, withMemberships: false }).supplementaryGids).toEqual([]);
  });

  it('takes a number for itself, even where a name looks like one', () => {
    expect(identityOf({ user: '99', group: '12' })).toMatchObject({
      uid: 99,
      gid: 12,
      account: undefined,
    });
  });

  it('takes the owner of a file, never leaving the root', () => {
    mkdirSync(join(root, 'data'));
    chownSync(join(root, 'data'), 1234, 5678);
    symlinkSync('/data', join(root, 'link'));
    chownSync(join(dir, 'etc'), 4242, 4242);
    symlinkSync('../../../etc', join(root, 'up'));

    expect(identityOf({ user: '/link', group: '/data' })).toMatchObject({ uid: 1234, gid: 5678 });
    expect(identityOf({ user: '/up' }).uid).toBe(0);
    expect(codeOf(() => identityOf({ user: '/none' }))).toBe('APP_USER_UNKNOWN');
  });

  it('reads etc/passwd of the image, wherever it links to', () => {
    rmSync(join(root, 'etc', 'passwd'));
    mkdirSync(join(dir, 'outside'));
    writeFileSync(join(dir, 'outside', 'passwd'), 'outside:x:4242:4242:::\n');
    symlinkSync('../../outside/passwd', join(root, 'etc', 'passwd'));

    expect(codeOf(() => identityOf({ user: 'outside' }))).toBe('APP_USER_UNKNOWN');
  });

  it('does not wait for a FIFO in the place of etc/passwd', () => {
    rmSync(join(root, 'etc', 'passwd'));
    linuxKernel.makeNode(join(root, 'etc', 'passwd'), 0o010_644);

    expect(codeOf(() => identityOf({ user: 'user' }))).toBe('APP_FILE_UNREADABLE');
  });

  it('rejects names that the image does not know', () => {
    expect(codeOf(() => identityOf({ user: 'nobody' }))).toBe('APP_USER_UNKNOWN');
    expect(codeOf(() => identityOf({ group: 'nobody' }))).toBe('APP_GROUP_UNKNOWN');
    expect(codeOf(() => identityOf({ user: '4294967295' }))).toBe('APP_USER_UNKNOWN');
  });

  it('names the path of an owner that no file can have', () => {
    const user = `/${'x'.repeat(300)}`;
    expect(() => identityOf({ user })).toThrow(
      `cannot run as the owner of "${user}": the name is too long`,
    );
  });

  it('lets a Docker image name its user as its group', () => {
    expect(codeOf(() => identityOf({ user: 'user', group: 'user' }))).toBe('APP_GROUP_UNKNOWN');
    expect(identityOf({ user: 'user', group: 'user', fromDocker: true }).gid).toBe(1000);
  });
});
