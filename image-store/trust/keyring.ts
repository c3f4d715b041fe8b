import type { AcIdentifier } from '#schema/types/names';
import {
  allKeyFiles,
  type KeyFile,
  keyFileAt,
  keyFilesIn,
  layersOf,
  scopesOf,
} from './trust-folders.ts';
import type { KeyEntry, KeyScope, TrustedKey, TrustRoots } from './trust-types.ts';

/** What the folders say of one key and one name. */
export interface KeyPlacement {
  /** The file that makes it trusted; undefined when none does. */
  readonly key?: TrustedKey | undefined;
  /** The mask that took its trust away; undefined when none did. */
  readonly maskedBy?: string | undefined;
}

/**
 * The keys that images of a name may be signed by.
 *
 * Files are gone through from the lowest layer to the highest, in each from the
 * widest scope to the narrowest. A key file adds its key, a zero-length file
 * takes the key of its name away, whichever file before it had added that:
 *
 *     system root.d/K     trusted for all
 *     local  root.d/K     empty: trusted no longer
 *     local  prefix.d/example.com/K   a key again: for example.com only
 */
export function keyringFor(roots: TrustRoots, name: AcIdentifier): readonly TrustedKey[] {
  const scopes = scopesOf(name);
  const files = layersOf(roots).flatMap((layer) =>
    scopes.flatMap((scope) => keyFilesIn(layer, scope)),
  );

  return [...applyMasks(files).values()].map(({ key }) => key).filter((key) => key !== undefined);
}

/** Where one key stands for images of a name, or of a scope as a whole: as `keyringFor`, with one look per folder. */
export function placeOf(roots: TrustRoots, name: KeyScope, fingerprint: string): KeyPlacement {
  const scopes = scopesOf(name);
  const files = layersOf(roots).flatMap((layer) =>
    scopes.map((scope) => keyFileAt(layer, scope, fingerprint)),
  );

  return applyMasks(files.filter((file) => file !== undefined)).get(fingerprint) ?? {};
}

/** Every key file and mask of the host, each key with what disarms it. */
export function listEntries(roots: TrustRoots): readonly KeyEntry[] {
  const files = layersOf(roots).flatMap((layer) => allKeyFiles(layer));

  return files
    .map((file): KeyEntry => ({ ...file, ...overruling(roots, file) }))
    .sort((a, b) => compare(a.scope, b.scope) || compare(a.fingerprint, b.fingerprint));
}

function overruling(roots: TrustRoots, file: KeyFile): Pick<KeyEntry, 'maskedBy' | 'replacedBy'> {
  if (file.kind === 'mask') return { maskedBy: undefined, replacedBy: undefined };

  const scopes = scopesOf(file.scope);
  const around = layersOf(roots).flatMap((layer) =>
    scopes.map((scope) => keyFileAt(layer, scope, file.fingerprint)),
  );
  const found = around.filter((other) => other !== undefined);
  const after = found.slice(found.findIndex(({ path }) => path === file.path) + 1);

  const last = after.at(-1);
  return {
    maskedBy: after.find(({ kind }) => kind === 'mask')?.path,
    replacedBy: last?.kind === 'key' ? last.path : undefined,
  };
}

function applyMasks(files: readonly KeyFile[]): ReadonlyMap<string, KeyPlacement> {
  const places = new Map<string, KeyPlacement>();
  for (const { kind, ...key } of files) {
    places.set(key.fingerprint, kind === 'key' ? { key } : { maskedBy: key.path });
  }

  return places;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
