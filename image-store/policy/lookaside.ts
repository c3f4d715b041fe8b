import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { LineCounter, parseDocument } from 'yaml';
import { decodeValue } from '#base/decode/decode';
import { GantryError } from '#base/errors/gantry-error';
import { filesIn } from '#base/fs/files-in';
import type { OciDigest } from '#schema/oci/digest';
import type { RegistryReference } from '../reference/index.ts';
import { scopesOf } from './policy-scope.ts';

/** Where signatures of images are that do not lie beside them: containers-registries.d(5). */
export interface SignaturePlaces {
  /**
   * Where the signatures of an image begin, without their numbers.
   * @returns undefined when no place is configured
   */
  placeOf(image: RegistryReference, manifest: OciDigest): URL | undefined;
}

interface Section {
  readonly place: string | undefined;
}

const address = v.pipe(
  v.string('must be text'),
  v.check((text) => URL.canParse(text), 'must be a URL'),
  v.check(
    (text) => ['http:', 'https:', 'file:'].includes(new URL(text).protocol),
    'must be a URL of http, https or file',
  ),
);

/** The names that are said of a registry, and those that they had before. */
const section = v.pipe(
  v.object({
    lookaside: v.optional(address),
    sigstore: v.optional(address),
  }),
  v.transform(({ lookaside, sigstore }): Section => ({ place: lookaside ?? sigstore })),
);

const registriesFile = v.object({
  'default-docker': v.optional(section),
  docker: v.optional(v.record(v.string(), section), {}),
});

/**
 * Reads all `*.yaml` of some folders; of what two files say of one scope neither would hold.
 * @throws GantryError REGISTRIES_INVALID
 */
export function readSignaturePlaces(folders: readonly string[]): SignaturePlaces {
  const sections = new Map<string, Section>();
  for (const path of folders.flatMap((folder) => filesIn(folder, '.yaml'))) {
    const { docker, 'default-docker': common } = readFile(path);
    const said = new Map(Object.entries(docker));
    if (common !== undefined) said.set(DEFAULT, common);
    for (const [scope, each] of said) {
      if (sections.has(scope))
        throw invalid(path, `"${scope || 'default-docker'}" stands in two files`);
      sections.set(scope, each);
    }
  }

  return {
    placeOf(image, manifest) {
      const scope = [...scopesOf(image), DEFAULT].find((each) => sections.has(each));
      const place = scope === undefined ? undefined : sections.get(scope)?.place;
      if (place === undefined) return undefined;
      const url = new URL(place);
      const path = url.pathname.replace(/\/+$/, '');
      url.pathname = `${path}/${image.repository}@${manifest.replace(':', '=')}`;

      return url;
    },
  };
}

/** No scope is called so. */
const DEFAULT = '';

function readFile(path: string): v.InferOutput<typeof registriesFile> {
  const lineCounter = new LineCounter();
  const document = parseDocument(readFileSync(path, 'utf8'), { lineCounter, uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lineCounter.linePos(error.pos[0]);
    throw invalid(path, `line ${line}: ${error.message.split('\n')[0]}`);
  }

  return decodeValue(registriesFile, document.toJS({ maxAliasCount: 0 }) ?? {}, {
    what: `"${path}"`,
    code: 'REGISTRIES_INVALID',
  });
}

function invalid(path: string, state: string): GantryError {
  return new GantryError('REGISTRIES_INVALID', `cannot use "${path}": ${state}`, {
    hint: 'see containers-registries.d(5)',
  });
}
