import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { writeFileAtomic } from '#base/fs/atomic';
import { removePath } from '#base/fs/remove-path';
import { groupIdIn } from '../format/permissions.ts';
import { factsOf, rememberFacts } from './key-facts.ts';
import { loadTrustedKey, parseKeys, readKeyFile } from './key-file.ts';
import { type KeyReview, mergedReview } from './key-review.ts';
import { type KeyPlacement, placeOf } from './keyring.ts';
import { keyFileAt, type KeyFile, scopeDir, type TrustLayer } from './trust-folders.ts';
import type { KeyScope, TrustRoots } from './trust-types.ts';

/** Members may change which keys are trusted, as rkt-admin's may. */
export const ADMIN_GROUP = 'gantry-admin';

/** A key in a scope: what every change is about. */
export interface KeyPlace {
  /** Of the primary key, lower-case hexadecimal. */
  readonly fingerprint: string;
  readonly scope: KeyScope;
}

export interface AddedKey {
  readonly path: string;
  /** `updated`: the key was trusted here already, and what is new in it was taken over. */
  readonly outcome: 'added' | 'updated' | 'unchanged';
  /** The key as it is trusted now. */
  readonly key: KeyReview;
}

export interface AddOptions {
  readonly scope: KeyScope;
  /** The present, ms since 1970; the system's clock unless told. */
  readonly now?: (() => number) | undefined;
}

/**
 * Trusts a key for a scope, in the local folder. Where it is trusted already,
 * the two copies are merged, so a revocation once seen is never lost.
 * @throws GantryError with the key's own problem unless it is merged, TRUST_NO_PERMISSION, KEY_FILE_INVALID
 */
export async function addTrustedKey(
  roots: TrustRoots,
  review: KeyReview,
  { scope, now = Date.now }: AddOptions,
): Promise<AddedKey> {
  const path = keyPath(roots, { fingerprint: review.fingerprint, scope });
  const present = keyHere(roots, { fingerprint: review.fingerprint, scope });
  if (present === undefined) {
    if (review.problem !== undefined) throw review.problem;
    await writeKey(roots, path, review.armored);
    return { path, outcome: 'added', key: review };
  }

  const merged = await mergedReview(await loadTrustedKey(present), review, now());
  const before = Buffer.from(readKeyFile(path)).toString();
  if (merged.armored === before) return { path, outcome: 'unchanged', key: merged };

  await writeKey(roots, path, merged.armored);
  return { path, outcome: 'updated', key: merged };
}

/** The file of a key in the local folder; undefined when there is none, or a mask. */
export function keyHere(roots: TrustRoots, { scope, fingerprint }: KeyPlace): KeyFile | undefined {
  const file = keyFileAt(localLayer(roots), scope, fingerprint);

  return file?.kind === 'key' ? file : undefined;
}

/**
 * Takes a key out of the local folder.
 * @returns what is said of the key in that scope now: another file may make it trusted still
 * @throws GantryError KEY_NOT_THERE, TRUST_NO_PERMISSION
 */
export function removeTrustedKey(roots: TrustRoots, place: KeyPlace): KeyPlacement {
  const file = keyFileAt(localLayer(roots), place.scope, place.fingerprint);
  const hint = 'the key comes with the system: mask it to trust it no longer';
  if (file?.kind !== 'key') throw notThere(roots, { ...place, file, systemHint: hint });

  writing(file.path, () => removePath(file.path));
  return placeOf(roots, place.scope, place.fingerprint);
}

/**
 * Takes the trust in a key back for a scope, whoever else has given it: a
 * zero-length file in the local folder. A key that lies there stays: the mask
 * would be in its place, and `unmaskTrustedKey` could not bring it back.
 * @returns what is said of the key in that scope now: a folder above may hold against the mask
 * @throws GantryError KEY_ADDED_HERE, TRUST_NO_PERMISSION
 */
export function maskTrustedKey(roots: TrustRoots, place: KeyPlace): KeyPlacement {
  if (keyHere(roots, place) !== undefined) throw addedHere(roots, place);

  putFile(keyPath(roots, place), '');
  return placeOf(roots, place.scope, place.fingerprint);
}

/**
 * Removes a mask.
 * @returns what is said of the key in that scope now: nothing may make it trusted
 * @throws GantryError KEY_NOT_THERE, TRUST_NO_PERMISSION
 */
export function unmaskTrustedKey(roots: TrustRoots, place: KeyPlace): KeyPlacement {
  const file = keyFileAt(localLayer(roots), place.scope, place.fingerprint);
  if (file?.kind !== 'mask') throw notThere(roots, { ...place, file });

  writing(file.path, () => removePath(file.path));
  return placeOf(roots, place.scope, place.fingerprint);
}

async function writeKey(roots: TrustRoots, path: string, armored: string): Promise<void> {
  const content = Buffer.from(armored);
  putFile(path, content);

  if (roots.factsDir === undefined) return;
  const [key] = await parseKeys(content, `"${path}"`);
  if (key !== undefined) rememberFacts(roots.factsDir, content, await factsOf(key));
}

function putFile(path: string, content: string | Uint8Array): void {
  writing(path, () => {
    makeFolders(dirname(path), adminGroupId());
    writeFileAtomic(path, content, { mode: 0o644 });
    // Everybody who fetches reads the keys, whatever the umask of who wrote them.
    chmodSync(path, 0o644);
  });
}

/** Makes missing folders, writable for the admin group where there is one. */
function makeFolders(path: string, gid: number | undefined): void {
  if (existsSync(path)) return;

  makeFolders(dirname(path), gid);
  try {
    mkdirSync(path);
  } catch (error) {
    // Somebody else adds a key at the same moment.
    if (errorCode(error) === 'EEXIST') return;
    throw error;
  }
  giveTo(gid, path);
}

function giveTo(gid: number | undefined, path: string): void {
  try {
    if (gid !== undefined) chownSync(path, -1, gid);
    chmodSync(path, gid === undefined ? 0o755 : 0o2775);
  } catch (error) {
    // Who is neither root nor in the group keeps a folder of their own.
    if (errorCode(error) !== 'EPERM') throw error;
  }
}

function adminGroupId(): number | undefined {
  try {
    return groupIdIn(readFileSync('/etc/group', 'utf8'), ADMIN_GROUP);
  } catch {
    return undefined;
  }
}

function writing(path: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    const reason = {
      EACCES: 'permission denied',
      EPERM: 'operation not permitted',
      EROFS: 'read-only file system',
    }[errorCode(cause) ?? ''];
    if (reason === undefined) throw cause;
    throw new GantryError('TRUST_NO_PERMISSION', `cannot change trusted key "${path}": ${reason}`, {
      cause,
      hint: `run as root or as a member of the group "${ADMIN_GROUP}"`,
    });
  }
}

interface Missing extends KeyPlace {
  /** What lies there instead. */
  readonly file: KeyFile | undefined;
  /** What to do when the system has the key. */
  readonly systemHint?: string;
}

function notThere(roots: TrustRoots, { file, systemHint, ...place }: Missing): GantryError {
  const path = keyPath(roots, place);
  const state = file === undefined ? 'no such file' : `it is a ${file.kind}`;
  const hint = systemKeyAt(roots, place) ? systemHint : undefined;

  return new GantryError('KEY_NOT_THERE', `cannot remove "${path}": ${state}`, {
    hint: hint ?? 'list the trusted keys with "gantry trust --list"',
  });
}

function addedHere(roots: TrustRoots, place: KeyPlace): GantryError {
  const { scope, fingerprint } = place;
  const flag = scope === '' ? '--root' : `--prefix=${scope}`;
  const next = systemKeyAt(roots, place) ? ', then mask the one of the system' : '';

  return new GantryError(
    'KEY_ADDED_HERE',
    `cannot mask key ${fingerprint}: "${keyPath(roots, place)}" is a key that was added here`,
    { hint: `take it away with "gantry trust --remove ${flag} ${fingerprint}"${next}` },
  );
}

function systemKeyAt(roots: TrustRoots, { scope, fingerprint }: KeyPlace): boolean {
  return keyFileAt({ dir: roots.systemDir, origin: 'system' }, scope, fingerprint)?.kind === 'key';
}

function localLayer({ localDir }: TrustRoots): TrustLayer {
  return { dir: localDir, origin: 'local' };
}

function keyPath({ localDir }: TrustRoots, { scope, fingerprint }: KeyPlace): string {
  return `${scopeDir(localDir, scope)}/${fingerprint}`;
}
