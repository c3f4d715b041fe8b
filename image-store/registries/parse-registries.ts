import * as v from 'valibot';
import { keyPath } from '#base/decode/decode';
import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import { locationProblem, normalPlace, prefixProblem, searchProblem } from './place.ts';
import type { Mirror, RegistryTable, ShortNameMode } from './registries.ts';
import { aliasNameProblem, aliasValueProblem } from './short-names.ts';
import { type Keys, readToml, type Table } from './toml-document.ts';

/** What one file says; undefined is what it does not say. */
export interface RegistriesFile {
  readonly search: readonly string[] | undefined;
  readonly shortNames: ShortNameMode | undefined;
  readonly credentialHelpers: readonly string[] | undefined;
  /** An empty one takes away what another file said. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly tables: readonly RegistryTable[];
  /** Keys that are not known, which readers of this form pass over. */
  readonly unknown: readonly string[];
}

/**
 * Reads registries.conf of version 2, or a file that adds to it.
 * @throws GantryError REGISTRIES_INVALID, which names the line
 */
export function parseRegistries(text: string, path: string): RegistriesFile {
  const document = readToml(text);
  if ('problem' in document) throw invalid({ path, line: document.line }, document.problem);
  const { value } = document;
  const place = (keys: Keys): Place => ({ path, line: document.lineOf(keys) });
  if ('registries' in value) {
    throw invalid(place(['registries']), 'it has the form of version 1', VERSION_2);
  }
  const result = v.safeParse(registriesFile, value, { abortPipeEarly: true });
  if (!result.success) {
    const [{ path: at = [], message }] = result.issues;
    const keys = at.map(({ key }) => key as string | number);
    throw invalid(place(keys), `${keyPath(keys)} ${message}`);
  }

  const { registry, ...said } = result.output;
  const tables = registry.map((table, index) => ({
    ...table,
    source: placeText(place(['registry', index])),
  }));
  for (const [index, { prefix }] of tables.entries()) {
    if (tables.findIndex((each) => each.prefix === prefix) === index) continue;
    throw invalid(place(['registry', index]), `${quoted(prefix)} stands in it twice`);
  }

  return { ...said, tables, unknown: unknownKeys(value) };
}

interface Place {
  readonly path: string;
  readonly line: number;
}

const placeText = ({ path, line }: Place): string => `"${path}", line ${line}`;

const VERSION_2 =
  'write version 2: "unqualified-search-registries", and [[registry]] with "prefix", "insecure" and "blocked"';

function invalid(place: Place, state: string, hint?: string): GantryError {
  return new GantryError('REGISTRIES_INVALID', `cannot use ${placeText(place)}: ${state}`, {
    hint: hint ?? 'no registry is asked until it is mended; see containers-registries.conf(5)',
  });
}

const text = v.string('must be text');
const flag = v.optional(v.boolean('must be true or false'), false);

/** Text without a problem. */
const checked = (problemOf: (text: string) => string | undefined) =>
  v.rawCheck<string>(({ dataset, addIssue }) => {
    const message = dataset.typed ? problemOf(dataset.value) : undefined;
    if (message !== undefined) addIssue({ message });
  });

const placeOf = (problemOf: (text: string) => string | undefined) =>
  v.pipe(text, v.transform(normalPlace), checked(problemOf));
/** Programs that write such files leave some of them empty. */
const perhaps = (problemOf: (text: string) => string | undefined) =>
  v.optional(
    v.pipe(
      placeOf((place) => (place === '' ? undefined : problemOf(place))),
      v.transform((place) => (place === '' ? undefined : place)),
    ),
  );

const PULL_FROM = ['all', 'digest-only', 'tag-only', ''] as const;
const mirror = v.object(
  {
    location: placeOf(locationProblem),
    insecure: flag,
    'pull-from-mirror': v.optional(
      v.picklist(PULL_FROM, 'must be "all", "digest-only" or "tag-only"'),
      '',
    ),
  },
  'must be a table with a "location"',
);

const table = v.pipe(
  v.object(
    {
      prefix: perhaps(prefixProblem),
      location: perhaps(locationProblem),
      insecure: flag,
      blocked: flag,
      'mirror-by-digest-only': flag,
      'pull-from-mirror': v.optional(v.literal('', 'is for a mirror to say')),
      mirror: v.optional(v.array(mirror, 'must be [[registry.mirror]]'), []),
    },
    'must be a table',
  ),
  v.check(
    ({ prefix, location }) => location !== undefined || prefix?.startsWith('*.') === true,
    'must have a "location"; only a prefix of the form "*.DOMAIN" needs none',
  ),
  v.check(
    ({ mirror: mirrors, 'mirror-by-digest-only': byDigest }) =>
      !byDigest || mirrors.every((each) => each['pull-from-mirror'] === ''),
    'must have either "mirror-by-digest-only" or mirrors with "pull-from-mirror"',
  ),
  v.transform(
    ({
      prefix,
      location,
      insecure,
      blocked,
      mirror: mirrors,
      'mirror-by-digest-only': byDigest,
    }): Omit<RegistryTable, 'source'> => ({
      prefix: prefix ?? location ?? '',
      location,
      insecure,
      blocked,
      mirrors: mirrors.map((each): Mirror => {
        const said = each['pull-from-mirror'] === '' ? 'all' : each['pull-from-mirror'];
        return { ...each, pullFrom: byDigest ? 'digest-only' : said };
      }),
    }),
  ),
);

/** Helpers are programs called `docker-credential-NAME`. */
const helperProblem = (name: string): string | undefined =>
  /^[\w.-]+$/.test(name) ? undefined : 'must be the name of a helper';

const MODES = ['enforcing', 'permissive', 'disabled', ''] as const;
const registriesFile = v.pipe(
  v.object({
    'unqualified-search-registries': v.optional(
      v.array(placeOf(searchProblem), 'must be a list of registries'),
    ),
    'short-name-mode': v.optional(
      v.picklist(MODES, 'must be "enforcing", "permissive" or "disabled"'),
    ),
    'credential-helpers': v.optional(v.array(v.pipe(text, checked(helperProblem)))),
    aliases: v.optional(
      v.record(
        v.pipe(v.string(), checked(aliasNameProblem)),
        v.pipe(text, checked(aliasValueProblem)),
        'must be a table',
      ),
      {},
    ),
    registry: v.optional(v.array(table, 'must be [[registry]]'), []),
  }),
  v.transform(({ aliases, registry, ...said }) => ({
    search: said['unqualified-search-registries'],
    credentialHelpers: said['credential-helpers'],
    shortNames: said['short-name-mode'] === '' ? undefined : said['short-name-mode'],
    aliases: new Map(Object.entries(aliases)),
    registry,
  })),
);

const KNOWN: Readonly<Record<'file' | 'registry' | 'mirror', readonly string[]>> = {
  file: Object.keys(registriesFile.pipe[0].entries),
  registry: Object.keys(table.pipe[0].entries),
  mirror: Object.keys(mirror.entries),
};

function unknownKeys(file: Table): readonly string[] {
  const strange = (at: Table, known: readonly string[]): readonly string[] =>
    Object.keys(at).filter((key) => !known.includes(key));
  const tables = (file['registry'] ?? []) as readonly Table[];
  const mirrors = tables.flatMap((each) => (each['mirror'] ?? []) as readonly Table[]);

  return [
    ...strange(file, KNOWN.file),
    ...tables.flatMap((each) => strange(each, KNOWN.registry)),
    ...mirrors.flatMap((each) => strange(each, KNOWN.mirror)),
  ];
}
