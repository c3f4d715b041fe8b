import { basename, resolve } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import type { SignatureSource } from '../../policy/decide.ts';
import {
  asRegistryReference,
  formatLocalReference,
  type LocalReference,
} from '../../reference/oci-reference.ts';

/** How a local image is called. */
export interface LocalNames {
  readonly image: LocalReference;
  /** None: no form on this machine has a place for signatures. */
  readonly signatures: SignatureSource;
  readonly what: string;
  /** `oci:/PATH:NAME`. */
  readonly reference: string;
  readonly name: string;
  readonly version: string | undefined;
}

const NO_SIGNATURES: SignatureSource = {
  simple: async () => await Promise.resolve([]),
  sigstore: async () => await Promise.resolve([]),
};

/** @param called what the image is called where it lies; may be a whole reference to a registry, or a tag */
export function namesOf(reference: LocalReference, called: string | undefined): LocalNames {
  const common = {
    image: reference,
    signatures: NO_SIGNATURES,
    what: `image "${reference.text}"`,
    reference: formatLocalReference(reference),
  };
  const whole = called === undefined ? undefined : asReference(called);
  if (whole !== undefined) return { ...common, ...whole };

  const name = basename(resolve(reference.path)).replace(/\.(?:tar|tgz|tar\.\w+)$/, '');
  return { ...common, name, version: called };
}

/** `busybox:1` and `r.example/team/app`, not the tag `1.0`. */
function asReference(text: string): Pick<LocalNames, 'name' | 'version'> | undefined {
  const reference = /[/:]/.test(text) ? asRegistryReference(text) : undefined;
  if (reference === undefined) return undefined;
  const { host, repository, tag } = reference;

  return { name: host === undefined ? repository : `${host}/${repository}`, version: tag };
}

/** So many names are shown. */
const MAX_SHOWN = 10;

/** There is no such image where it was looked for, or more than one. */
export function unknownName(
  what: string,
  name: string | undefined,
  known: readonly (string | undefined)[],
): GantryError {
  const names = [...new Set(known.filter((each) => each !== undefined))].sort();
  const shown = names.slice(0, MAX_SHOWN).map(quoted).join(', ');
  const state =
    name === undefined
      ? `it holds ${known.length} images`
      : `it holds ${names.includes(name) ? 'several images' : 'no image'} of that name`;

  return new GantryError('IMAGE_NAME_UNKNOWN', `cannot find ${what}: ${state}`, {
    hint: shown === '' ? undefined : `the names there are ${shown}; write one behind the path`,
  });
}
