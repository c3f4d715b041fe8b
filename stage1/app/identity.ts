import { type Stats, statSync } from 'node:fs';
import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { resolveInside } from '#base/fs/inside';
import type { Account } from './environment.ts';
import { readRootFile } from './root-file.ts';

/** Who an app runs as, as its manifest says it. */
export interface IdentityRequest {
  /** Name, number, or absolute path of a file whose owner is meant. */
  readonly user: string;
  /** The user's own, by its entry, when undefined; root's when it has none. */
  readonly group: string | undefined;
  readonly supplementaryGids: readonly number[];
  /** Whether the app is also in the groups that etc/group has its user in. */
  readonly withMemberships?: boolean | undefined;
  /** Converted from a Docker image: a group that has the user's text and is not there is the user's number. */
  readonly fromDocker?: boolean | undefined;
}

/** Who an app runs as, in the kernel's terms. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly supplementaryGids: readonly number[];
  /** The user's entry in the app's passwd file, when there is one. */
  readonly account: Account | undefined;
}

/** (uid_t) -1 is no user: chown(2). */
const MAX_ID = 0xffff_fffe;

/**
 * Looks up user and group inside an app's root: a number is itself, a path is
 * its owner, anything else is a name in etc/passwd or etc/group. Nothing
 * outside the root is looked at, wherever links in it point.
 * @param root the app's root file system, with its mounts
 * @throws GantryError APP_USER_UNKNOWN, APP_GROUP_UNKNOWN, APP_FILE_UNREADABLE
 */
export function resolveIdentity(root: string, request: IdentityRequest): Identity {
  const users = passwdEntries(root);
  const uid = resolveUser(root, request.user, users);
  const entry = (): PasswdEntry | undefined => users().find((each) => each.uid === uid);
  const { group } = request;
  const gid =
    group === undefined ? (entry()?.gid ?? 0) : resolveGroup(root, { ...request, group }, uid);

  const name = request.withMemberships === true ? entry()?.account.name : undefined;
  const memberships = name === undefined ? [] : membershipsOf(root, name);

  return {
    uid,
    gid,
    supplementaryGids: [...new Set([...request.supplementaryGids, ...memberships])],
    account: entry()?.account,
  };
}

function resolveUser(root: string, user: string, users: () => readonly PasswdEntry[]): number {
  const number = parseId(user);
  if (number !== undefined) return number;
  if (user.startsWith('/')) return ownerOf(root, user, 'APP_USER_UNKNOWN').uid;

  const entry = users().find(({ account }) => account.name === user);
  if (entry !== undefined) return entry.uid;

  throw new GantryError('APP_USER_UNKNOWN', `cannot run as user "${user}": no such user`, {
    hint: 'the name must be in /etc/passwd of the image; or give a number with --user',
  });
}

function resolveGroup(
  root: string,
  request: IdentityRequest & { readonly group: string },
  uid: number,
): number {
  const { group, user, fromDocker = false } = request;
  const number = parseId(group);
  if (number !== undefined) return number;
  if (group.startsWith('/')) return ownerOf(root, group, 'APP_GROUP_UNKNOWN').gid;

  const gid = readGroupIds(root).get(group);
  if (gid !== undefined) return gid;
  if (fromDocker && group === user) return uid;

  throw new GantryError('APP_GROUP_UNKNOWN', `cannot run as group "${group}": no such group`, {
    hint: 'the name must be in /etc/group of the image; or give a number with --group',
  });
}

function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);

  return id <= MAX_ID ? id : undefined;
}

function ownerOf(
  root: string,
  path: string,
  code: 'APP_USER_UNKNOWN' | 'APP_GROUP_UNKNOWN',
): Stats {
  try {
    return statSync(resolveInside(root, path));
  } catch (error) {
    if (isGantryError(error)) throw error;
    const missing = ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '');
    const state = missing ? 'no such file in the image' : fileState(error);
    throw new GantryError(code, `cannot run as the owner of "${path}": ${state}`, {
      cause: error,
    });
  }
}

interface PasswdEntry {
  readonly uid: number;
  readonly gid: number;
  readonly account: Account;
}

/** The entries of etc/passwd, read when they are first asked for; lines that are no entries are passed over. */
function passwdEntries(root: string): () => readonly PasswdEntry[] {
  let entries: readonly PasswdEntry[] | undefined;

  return () => {
    entries ??= (readRootFile(root, '/etc/passwd') ?? '').split('\n').flatMap((line) => {
      const [name = '', , uidText = '', gidText = '', , home = '', shell = ''] = line.split(':');
      const uid = parseId(uidText);
      if (name === '' || uid === undefined) return [];
      return [{ uid, gid: parseId(gidText) ?? 0, account: { name, home, shell } }];
    });
    return entries;
  };
}

function readGroupIds(root: string): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  for (const { name, gid } of groupEntries(root)) if (!ids.has(name)) ids.set(name, gid);

  return ids;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The entries of etc/group; lines that are no entries are passed over. */
function groupEntries(root: string): readonly GroupEntry[] {
  return (readRootFile(root, '/etc/group') ?? '').split('\n').flatMap((line) => {
    const [name = '', , gidText = '', members = ''] = line.split(':');
    const gid = parseId(gidText);
    return name === '' || gid === undefined ? [] : [{ name, gid, members: members.split(',') }];
  });
}

function membershipsOf(root: string, user: string): readonly number[] {
  return groupEntries(root)
    .filter(({ members }) => members.includes(user))
    .map(({ gid }) => gid);
}
