import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Identity, stage1RootfsDir } from '#stage1';

/**
 * Writes passwd and group of stage1. systemd takes numbers for users and
 * groups, but only of those that have an entry; what names the app's own files
 * give them is settled by then.
 */
export function writeAccountFiles(podDir: string, identities: readonly Identity[]): void {
  const etc = join(stage1RootfsDir(podDir), 'etc');
  const uids = unique(identities.map(({ uid }) => uid));
  const gids = unique(
    identities.flatMap(({ gid, supplementaryGids }) => [gid, ...supplementaryGids]),
  );

  const users = uids.map((uid) => `u${uid}:x:${uid}:65534::/:/bin/sh\n`);
  const groups = gids.map((gid) => `g${gid}:x:${gid}:\n`);
  writeFileSync(join(etc, 'passwd'), `root:x:0:0::/root:/bin/sh\n${users.join('')}`);
  writeFileSync(join(etc, 'group'), `root:x:0:\n${groups.join('')}`);
}

function unique(ids: readonly number[]): readonly number[] {
  return [...new Set(ids)].filter((id) => id !== 0);
}
