import { isDeepStrictEqual } from 'node:util';
import type { ImageManifest } from './image-manifest.ts';

/** Whether two manifests say the same: rkt, whose stores are taken over, writes down nothing that is empty. */
export function isSameManifest(one: ImageManifest, other: ImageManifest): boolean {
  return isDeepStrictEqual(withoutEmpty(one), withoutEmpty(other));
}

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const said = Object.entries(value)
    .map(([name, each]) => [name, withoutEmpty(each)] as const)
    .filter(([, each]) => each !== undefined);

  return said.length === 0 ? undefined : Object.fromEntries(said);
}
