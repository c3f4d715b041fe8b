import { type Dirent, readdirSync, statSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import { below } from '#base/fs/below';
import type { AcIdentifier } from '#schema/types/names';
import type { KeyOrigin, KeyScope, TrustedKey, TrustRoots } from './trust-types.ts';

/** A key folder and where it stands among the others. */
export interface TrustLayer {
  readonly dir: string;
  readonly origin: KeyOrigin;
}

/** A file in a key folder. */
export interface KeyFile extends TrustedKey {
  readonly kind: 'key' | 'mask';
}

const FINGERPRINT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** Whether text is the fingerprint of a version 4 or version 6 key as files are named after it. */
export function isFingerprint(text: string): boolean {
  return FINGERPRINT.test(text);
}

/** The key folders, lowest layer first. */
export function layersOf(roots: TrustRoots): readonly TrustLayer[] {
  return [
    { dir: roots.systemDir, origin: 'system' },
    { dir: roots.localDir, origin: 'local' },
    ...(roots.extraDirs ?? []).map((dir): TrustLayer => ({ dir, origin: 'user' })),
  ];
}

/** The folder of the keys of one scope. */
export function scopeDir(dir: string, scope: KeyScope): string {
  return scope === '' ? below(dir, 'root.d') : below(dir, 'prefix.d', scope);
}

/** The scopes a name lies in, widest first: everything, each prefix that ends at a slash, the name. */
export function scopesOf(name: AcIdentifier): readonly KeyScope[] {
  const parts = name.split('/');
  const prefixes = parts.map((_, at) => parts.slice(0, at + 1).join('/') as AcIdentifier);

  return ['', ...prefixes];
}

/** The file of one key in one scope of a layer; undefined when there is none. */
export function keyFileAt(
  { dir, origin }: TrustLayer,
  scope: KeyScope,
  fingerprint: string,
): KeyFile | undefined {
  const path = below(scopeDir(dir, scope), fingerprint);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.isDirectory()) return undefined;

  return { fingerprint, scope, origin, path, kind: stat.size === 0 ? 'mask' : 'key' };
}

/** The key files of one scope of a layer; other files are no concern of ours. */
export function keyFilesIn(layer: TrustLayer, scope: KeyScope): readonly KeyFile[] {
  return entriesOf(scopeDir(layer.dir, scope))
    .filter((entry) => !entry.isDirectory() && isFingerprint(entry.name))
    .map((entry) => keyFileAt(layer, scope, entry.name))
    .filter((file) => file !== undefined);
}

/** Every key file of a layer. */
export function allKeyFiles(layer: TrustLayer): readonly KeyFile[] {
  const files = [...keyFilesIn(layer, '')];
  const pending = subfolders(below(layer.dir, 'prefix.d'));

  for (let scope = pending.pop(); scope !== undefined; scope = pending.pop()) {
    files.push(...keyFilesIn(layer, scope as AcIdentifier));
    const parent = scope;
    pending.push(
      ...subfolders(scopeDir(layer.dir, scope as AcIdentifier)).map((name) => `${parent}/${name}`),
    );
  }

  return files;
}

function subfolders(dir: string): string[] {
  return entriesOf(dir)
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

function entriesOf(dir: string): readonly Dirent[] {
  return unlessMissing(() => readdirSync(dir, { withFileTypes: true })) ?? [];
}

function unlessMissing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
