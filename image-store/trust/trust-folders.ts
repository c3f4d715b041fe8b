import { type Dirent, readdirSync, type Stats, statSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import { below } from '#base/fs/below';
import type { AcIdentifier } from '#schema/types/names';
import type { KeyOrigin, KeyScope, TrustedKey, TrustRoots } from './trust-types.ts';

/** A key folder and where it stands among the others. */
export interface TrustLayer {
  readonly dir: string;
  readonly origin: KeyOrigin;
}

/** A file in a key folder; what is no regular file and not `/dev/null` is a key that cannot be read. */
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

/** The scopes a name or a scope lies in, widest first: everything, each prefix that ends at a slash, itself. */
export function scopesOf(name: KeyScope): readonly KeyScope[] {
  if (name === '') return [''];
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
  const stat = statOf(path);
  if (stat === undefined || stat.isDirectory()) return undefined;
  const isMask = stat.size === 0 && (stat.isFile() || stat.isCharacterDevice());

  return { fingerprint, scope, origin, path, kind: isMask ? 'mask' : 'key' };
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
  const scopes: readonly KeyScope[] = ['', ...scopesBelow(below(layer.dir, 'prefix.d'))];

  return scopes.flatMap((scope) => keyFilesIn(layer, scope));
}

/**
 * The scopes that have a folder below one.
 * @param above the folders it was come to through: a link that leads back to one would go round for ever
 */
function scopesBelow(dir: string, above: readonly string[] = []): readonly AcIdentifier[] {
  const around = [...above, identityOf(dir)];

  return entriesOf(dir)
    .map(({ name }) => ({ name, path: `${dir}/${name}` }))
    .filter(({ path }) => statOf(path)?.isDirectory() && !around.includes(identityOf(path)))
    .flatMap(({ name, path }) => [
      name as AcIdentifier,
      ...scopesBelow(path, around).map((scope) => `${name}/${scope}` as AcIdentifier),
    ]);
}

/** The same for every path that leads to the same folder. */
function identityOf(dir: string): string {
  const stat = statOf(dir);

  return `${stat?.dev}:${stat?.ino}`;
}

/** What a path leads to; undefined when nothing. */
function statOf(path: string): Stats | undefined {
  return unlessMissing(() => statSync(path));
}

function entriesOf(dir: string): readonly Dirent[] {
  return unlessMissing(() => readdirSync(dir, { withFileTypes: true })) ?? [];
}

function unlessMissing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
