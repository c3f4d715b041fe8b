import { byteOrder } from '#base/kernel/byte-order';
import type { Descriptor, Platform } from './descriptor.ts';

/** Go's words for processors, which OCI images use, by Node's. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64le',
  riscv64: 'riscv64',
  loong64: 'loong64',
  s390x: 's390x',
};

/**
 * The variants of a processor that run on a machine, the best first; the empty
 * one is an image that names none. More than the first level of amd64 has to be
 * asked for, since images for it are not for every machine.
 */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  amd64: ['', 'v1'],
  arm64: ['v8', ''],
  arm: ['v7', 'v6', 'v5', ''],
};

/** The machine that this runs on, as OCI images call it. */
export function hostPlatform(architecture: string = process.arch): Platform {
  const name = ARCHITECTURES[architecture] ?? architecture;

  return {
    os: 'linux',
    architecture: name === 'ppc64le' && byteOrder() === 'BE' ? 'ppc64' : name,
  };
}

/**
 * The image of an index that is for a machine: of those that run there the one
 * of the best variant, of equal ones the first. The only one that names no
 * platform is for every machine.
 * @returns undefined when none is
 */
export function choosePlatform(
  manifests: readonly Descriptor[],
  { os, architecture, variant }: Platform,
): Descriptor | undefined {
  const fitting = manifests.filter(
    ({ platform }) => platform?.os === os && platform.architecture === architecture,
  );
  const wanted = variant === undefined ? (VARIANTS[architecture] ?? ['']) : [variant];
  for (const each of wanted) {
    const found = fitting.find(({ platform }) => (platform?.variant ?? '') === each);
    if (found !== undefined) return found;
  }

  const [only, ...others] = manifests.filter(({ platform }) => platform === undefined);
  return others.length === 0 ? only : undefined;
}

/** A platform in words: `linux/arm/v7`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant ?? ''].filter((part) => part !== '').join('/');
}
