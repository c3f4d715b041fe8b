import * as v from 'valibot';
import { type DecodeOptions, decodeValue } from '#base/decode/decode';
import type { Credential, HostCredential } from '#image-store';
import type { Decoder } from '#schema/types/decoder';
import { objectOf } from '#schema/types/fields';
import { integer } from '#schema/types/scalars';
import type { ConfigFolder } from './config-dirs.ts';
import type { Configuration, RegistryCredential } from './configuration.ts';

/** One thing that a document says; what a higher directory says under the same key replaces it. */
export type ConfigEntry = { readonly key: string } & (
  | { readonly kind: 'auth'; readonly value: HostCredential }
  | { readonly kind: 'dockerAuth'; readonly value: RegistryCredential }
  | { readonly kind: 'limits'; readonly value: Configuration['limits'] }
  | { readonly kind: 'paths'; readonly value: Configuration['paths'] }
  | { readonly kind: 'stage1'; readonly value: NonNullable<Configuration['stage1']> }
);

/** A kind of document (fact sheet 2.3). Field names are taken in any case, as Go takes them. */
export interface ConfigKind {
  readonly name: ConfigEntry['kind'];
  readonly folder: ConfigFolder;
  /** @throws GantryError CONFIG_INVALID */
  read(value: unknown, options: DecodeOptions): readonly ConfigEntry[];
}

const word: Decoder<string> = v.pipe(
  v.string('must be text'),
  v.regex(/^[^\p{Cc}]+$/u, 'must be text, not empty, without control characters'),
);
const absolutePath: Decoder<string> = v.pipe(
  v.string('must be text'),
  v.regex(/^\/[^\0]*$/, 'must be an absolute path'),
);
/** `host` or `host:port`; an address of version 6 in brackets. */
const authority: Decoder<string> = v.pipe(
  v.string('must be text'),
  v.regex(/^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/, 'must be HOST or HOST:PORT'),
  v.toLowerCase(),
);
const authorities: Decoder<readonly string[]> = v.pipe(
  v.array(authority, 'must be a list'),
  v.minLength(1, 'must not be empty'),
);

interface Basic {
  readonly user: string;
  readonly password: string;
}

const basic: Decoder<Basic> = objectOf<Basic>({
  fields: { user: word, password: word },
  required: { user: true, password: true },
});

interface Oauth {
  readonly token: string;
}

const oauth: Decoder<Oauth> = objectOf<Oauth>({
  fields: { token: word },
  required: { token: true },
});

interface Aws {
  readonly accessKeyID: string;
  readonly secretAccessKey: string;
  readonly awsRegion?: string | undefined;
}

const aws: Decoder<Aws> = objectOf<Aws>({
  fields: { accessKeyID: word, secretAccessKey: word, awsRegion: v.optional(word) },
  required: { accessKeyID: true, secretAccessKey: true },
});

interface AuthDocument {
  readonly domains: readonly string[];
  readonly type: Credential['type'];
  readonly credentials: unknown;
}

const authDocument: Decoder<AuthDocument> = objectOf<AuthDocument>({
  fields: {
    domains: authorities,
    type: v.picklist(['basic', 'oauth', 'aws'], 'must be basic, oauth or aws'),
    credentials: v.unknown(),
  },
  required: { domains: true, type: true, credentials: true },
});

const auth: ConfigKind = {
  name: 'auth',
  folder: 'auth.d',
  read(value, options) {
    const { domains, type, credentials } = decodeValue(authDocument, value, options);
    const credential = readCredential(type, credentials, {
      ...options,
      what: `credentials in ${options.what}`,
    });

    return domains.map((domain) => ({
      kind: 'auth',
      key: `auth of ${domain}`,
      value: { domain, credential },
    }));
  },
};

function readCredential(
  type: Credential['type'],
  value: unknown,
  options: DecodeOptions,
): Credential {
  if (type === 'basic') {
    const { user, password } = decodeValue(basic, value, options);
    return { type, user, password };
  }
  if (type === 'oauth') return { type, token: decodeValue(oauth, value, options).token };

  const { accessKeyID, secretAccessKey, awsRegion } = decodeValue(aws, value, options);
  return { type, accessKeyID, secretAccessKey, awsRegion };
}

interface DockerDocument {
  readonly registries: readonly string[];
  readonly credentials: Basic;
}

const dockerDocument: Decoder<DockerDocument> = objectOf<DockerDocument>({
  fields: { registries: authorities, credentials: basic },
  required: { registries: true, credentials: true },
});

const dockerAuth: ConfigKind = {
  name: 'dockerAuth',
  folder: 'auth.d',
  read(value, options) {
    const { registries, credentials } = decodeValue(dockerDocument, value, options);
    const { user, password } = credentials;

    return registries.map((registry) => ({
      kind: 'dockerAuth',
      key: `dockerAuth of ${registry}`,
      value: { registry, user, password },
    }));
  },
};

interface PathsDocument {
  readonly data?: string | undefined;
  readonly 'stage1-images'?: string | undefined;
}

const pathsDocument: Decoder<PathsDocument> = objectOf<PathsDocument>({
  fields: { data: v.optional(absolutePath), 'stage1-images': v.optional(absolutePath) },
  required: {},
});

const paths: ConfigKind = {
  name: 'paths',
  folder: 'paths.d',
  read(value, options) {
    const { data, 'stage1-images': stage1Images } = decodeValue(pathsDocument, value, options);
    const entries: ConfigEntry[] = [];
    if (data !== undefined) entries.push({ kind: 'paths', key: 'path data', value: { data } });
    if (stage1Images !== undefined) {
      entries.push({ kind: 'paths', key: 'path stage1-images', value: { stage1Images } });
    }

    return entries;
  },
};

interface LimitsDocument {
  readonly 'image-entries'?: number | undefined;
  readonly 'image-bytes'?: number | undefined;
  readonly 'server-seconds'?: number | undefined;
}

const amount = (max: number): Decoder<number | undefined> => v.optional(integer(1, max));

const limitsDocument: Decoder<LimitsDocument> = objectOf<LimitsDocument>({
  fields: {
    'image-entries': amount(Number.MAX_SAFE_INTEGER),
    'image-bytes': amount(Number.MAX_SAFE_INTEGER),
    'server-seconds': amount(86_400),
  },
  required: {},
});

const LIMITS = {
  'image-entries': 'maxEntries',
  'image-bytes': 'maxBytes',
  'server-seconds': 'serverSeconds',
} as const satisfies Record<keyof LimitsDocument, keyof Configuration['limits']>;

/** A kind that rkt had not. */
const limits: ConfigKind = {
  name: 'limits',
  folder: 'limits.d',
  read(value, options) {
    const document = decodeValue(limitsDocument, value, options);

    return (Object.keys(LIMITS) as (keyof LimitsDocument)[])
      .filter((name) => document[name] !== undefined)
      .map((name) => ({
        kind: 'limits',
        key: `limit ${name}`,
        value: { [LIMITS[name]]: document[name] },
      }));
  },
};

interface Stage1Document {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly location?: string | undefined;
}

const stage1Document: Decoder<Stage1Document> = v.pipe(
  objectOf<Stage1Document>({
    fields: {
      name: v.optional(word),
      version: v.optional(word),
      location: v.optional(
        v.pipe(
          v.string('must be text'),
          v.regex(
            /^(\/[^\0]*|(file|https?|docker):.+)$/,
            'must be an absolute path or a file, http, https or docker URL',
          ),
        ),
      ),
    },
    required: {},
  }),
  v.check(
    ({ name, version }) => (name === undefined) === (version === undefined),
    'name and version must be given together or not at all',
  ),
);

const stage1: ConfigKind = {
  name: 'stage1',
  folder: 'stage1.d',
  read(document, options) {
    const { name, version, location } = decodeValue(stage1Document, document, options);
    const entries: ConfigEntry[] = [];
    if (name !== undefined) {
      entries.push({ kind: 'stage1', key: 'stage1 name', value: { name, version } });
    }
    if (location !== undefined) {
      entries.push({ kind: 'stage1', key: 'stage1 location', value: { location } });
    }

    return entries;
  },
};

/** Every kind that there is. */
export const KINDS: readonly ConfigKind[] = [auth, dockerAuth, limits, paths, stage1];
