import { readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import type { KeySource } from './policy.ts';

/** Keys, or certificates, that a policy names. */
export interface KeyText {
  readonly bytes: Uint8Array;
  /** Where they come from, for messages. */
  readonly place: string;
}

/** @throws GantryError FILE_UNREADABLE */
export function readKeySource({ paths, data }: KeySource): readonly KeyText[] {
  return [
    ...paths.map((path) => ({ bytes: readKeyFile(path), place: `"${path}"` })),
    ...data.map((bytes) => ({ bytes, place: 'the policy' })),
  ];
}

function readKeyFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new GantryError(
      'FILE_UNREADABLE',
      `cannot read the key in "${path}": ${fileState(cause)}`,
      { cause },
    );
  }
}
