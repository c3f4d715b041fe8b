import { fileURLToPath } from 'node:url';
import { GantryError } from '#base/errors/gantry-error';
import { IMAGE_ID_RULE, isImageKeyPrefix, looksLikeImageId } from '#schema/types/image-hash';
import { parseImageName } from './image-name.ts';
import { parseLocalReference, parseRegistryReference } from './oci-reference.ts';
import type { Reference } from './reference.ts';

/** What the reading of a reference needs to know of the machine. */
export interface ReferenceOptions {
  /** Whether there is a regular file at this path, links followed. */
  readonly fileExists: (path: string) => boolean;
}

/** What an URL's parser takes for a scheme (RFC 3986, 3.1), as Go's does: `name:v1` has one. */
const SCHEME = /^([a-zA-Z][a-zA-Z0-9+.-]*):/;

/**
 * Reads what a user typed as IMAGE by rkt's rules (fact sheet 1.3): a hash, an
 * URL, a path or a name, in doubt decided in that order.
 * @throws GantryError IMAGE_REFERENCE_INVALID, IMAGE_REFERENCE_UNSUPPORTED, IDENTIFIER_INVALID, LABEL_INVALID
 */
export function parseReference(text: string, options: ReferenceOptions): Reference {
  if (text === '') throw invalid({ text, state: 'it is empty', hint: 'name an image' });
  if (looksLikeImageId(text)) return hashReference(text);

  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      return guess(text, options);
    case 'http':
    case 'https':
    case 'file':
      return archiveReference(text, text);
    case 'docker':
      return parseRegistryReference(text, text.replace(/^docker:(?:\/\/)?/i, ''));
    case 'oci':
    case 'oci-archive':
    case 'docker-archive':
      return parseLocalReference(text, scheme);
    case 'cimd':
      return distributionReference(text);
    default:
      if (!/^[^,]*:\/\//.test(text)) return nameReference(text);
      throw new GantryError(
        'IMAGE_REFERENCE_UNSUPPORTED',
        `cannot use image "${text}": "${scheme}" is no way to fetch images`,
        {
          hint: 'it is https, http or file with an address that ends in .aci, docker, oci, oci-archive or docker-archive',
        },
      );
  }
}

/** A word without a scheme (fact sheet 1.3, f). */
function guess(text: string, { fileExists }: ReferenceOptions): Reference {
  if (text.startsWith('/') || fileExists(text)) return { kind: 'path', text, path: text };
  if (text.includes(':')) return nameReference(text);
  if (text.includes('./') || text.endsWith('.aci')) return { kind: 'path', text, path: text };

  return nameReference(text);
}

function hashReference(text: string): Reference {
  if (isImageKeyPrefix(text)) return { kind: 'hash', text, prefix: text };

  throw invalid({
    text,
    state: 'it is not an image id',
    hint: `an image id is ${IMAGE_ID_RULE}`,
  });
}

function nameReference(text: string, name: string = text): Reference {
  return { kind: 'name', text, ...parseImageName(name) };
}

/** @param address an http, https or file URL */
function archiveReference(text: string, address: string): Reference {
  const url = parseUrl(text, address);
  // `file://image.aci` names a host.
  if (url.protocol === 'file:' && !['', 'localhost'].includes(url.host)) {
    throw invalid({
      text,
      state: `"${url.host}" is another machine`,
      hint: 'write it as file:///PATH.aci, with three slashes',
    });
  }
  if (!url.pathname.endsWith('.aci')) {
    throw invalid({
      text,
      state: 'its path does not end in .aci',
      hint: 'name the archive itself',
    });
  }
  if (url.protocol !== 'file:') return { kind: 'url', text, url };

  try {
    return { kind: 'path', text, path: fileURLToPath(url) };
  } catch (cause) {
    throw invalid({
      text,
      state: 'not a path on this machine',
      hint: 'write it as file:///PATH.aci',
      cause,
    });
  }
}

/**
 * rkt's own notation for where an image comes from: `cimd:TYPE:v=N:DATA`, the
 * data escaped as in a query (rkt, Documentation/devel/distribution-point.md).
 */
function distributionReference(text: string): Reference {
  const [, type, version, ...data] = text.split(':');
  const [body = '', query = ''] = data.join(':').split('?', 2);
  if (version !== 'v=0' || body === '')
    throw invalid({ text, state: 'not cimd:TYPE:v=0:DATA', hint: CIMD_HINT });

  switch (type) {
    case 'appc': {
      const labels = [...new URLSearchParams(query)].map(([name, value]) => `,${name}=${value}`);
      return nameReference(text, unescapeData(text, body) + labels.join(''));
    }
    case 'aci-archive':
      return archiveReference(text, unescapeData(text, body));
    case 'docker':
      return parseRegistryReference(text, unescapeData(text, body));
    default:
      throw new GantryError(
        'IMAGE_REFERENCE_UNSUPPORTED',
        `cannot use image "${text}": distribution type "${type}" is not supported`,
        { hint: CIMD_HINT },
      );
  }
}

const CIMD_HINT =
  'the types are cimd:appc:v=0:NAME?LABEL=VALUE, cimd:aci-archive:v=0:URL and cimd:docker:v=0:NAME';

function unescapeData(text: string, data: string): string {
  try {
    return decodeURIComponent(data);
  } catch (cause) {
    throw invalid({ text, state: 'its data is not escaped as in an URL', hint: CIMD_HINT, cause });
  }
}

function parseUrl(text: string, address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && ['http:', 'https:', 'file:'].includes(url.protocol)) return url;

  throw invalid({
    text,
    state: 'not a valid http, https or file URL',
    hint: 'write it as https://HOST/PATH.aci',
  });
}

interface Invalid {
  readonly text: string;
  readonly state: string;
  readonly hint: string;
  readonly cause?: unknown;
}

function invalid({ text, state, hint, cause }: Invalid): GantryError {
  return new GantryError(
    'IMAGE_REFERENCE_INVALID',
    `cannot read image reference "${text}": ${state}`,
    {
      hint,
      cause,
    },
  );
}
