import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { readNamedFile } from '#base/fs/named-file';
import { discoverKeys, downloadKeys, type KeySource, type KeySourceOptions } from '#image-store';
import type { AcIdentifier } from '#schema/types/names';
import { httpOptions } from './fetching.ts';
import type { Workplace } from './workplace.ts';

/** Which keys are wanted. */
export interface KeyWish {
  /** Paths and URLs. */
  readonly places: readonly string[];
  readonly allowHttp: boolean;
}

/** Larger files hold no key that anybody would review. */
const MAX_BYTES = 1024 * 1024;

/**
 * Brings key files, one after the other.
 * @throws GantryError KEY_FILE_UNREADABLE, HTTP_NOT_ALLOWED, and what fetching throws
 */
export async function* keyFiles(
  workplace: Workplace,
  { places, allowHttp }: KeyWish,
): AsyncGenerator<KeySource> {
  for (const place of places) {
    if (!/^https?:\/\//i.test(place)) yield readKeyFile(place);
    else {
      const asked = demandUrl(place, allowHttp);
      const options = await sourceOptions(workplace, allowHttp);
      const { url, data } = await hinting(downloadKeys(asked, options));
      yield { source: url, data };
    }
  }
}

/**
 * Brings the key files that the site of a prefix announces.
 * @throws GantryError DISCOVERY_FAILED, and what fetching throws
 */
export async function announcedKeyFiles(
  workplace: Workplace,
  { prefix, allowHttp }: { readonly prefix: AcIdentifier; readonly allowHttp: boolean },
): Promise<readonly KeySource[]> {
  const options = await sourceOptions(workplace, allowHttp);
  const found = await hinting(discoverKeys(prefix, options));

  return found.map(({ url, data }) => ({ source: url, data }));
}

async function sourceOptions(workplace: Workplace, allowHttp: boolean): Promise<KeySourceOptions> {
  const { globals, context } = workplace;

  return {
    log: context.log,
    http: await httpOptions(workplace),
    insecure: { http: allowHttp, tls: globals.insecure.tls },
  };
}

const HTTP_HINT = 'use https, or allow it with --insecure-allow-http';
const NO_TLS_HINT = 'look at the address; plain HTTP needs http:// and --insecure-allow-http';

/** Where a site speaks plain HTTP, names the flag that counts for keys. */
async function hinting<Found>(fetching: Promise<Found>): Promise<Found> {
  try {
    return await fetching;
  } catch (error) {
    if (!isGantryError(error, 'FETCH_INSECURE', 'FETCH_NO_TLS')) throw error;
    const { code, message, cause } = error;
    const hint = code === 'FETCH_INSECURE' ? HTTP_HINT : NO_TLS_HINT;
    throw new GantryError(code, message, { hint, cause });
  }
}

function demandUrl(place: string, allowHttp: boolean): URL {
  if (!URL.canParse(place)) {
    throw new GantryError('URL_INVALID', `cannot fetch key "${place}": not a URL`);
  }
  const url = new URL(place);
  if (url.protocol === 'https:' || allowHttp) return url;

  throw new GantryError('HTTP_NOT_ALLOWED', `cannot fetch key "${place}": plain HTTP is not safe`, {
    hint: HTTP_HINT,
  });
}

function readKeyFile(place: string): KeySource {
  const path = place.startsWith('file://') ? decodeURIComponent(new URL(place).pathname) : place;
  try {
    return { source: path, data: readNamedFile(path, MAX_BYTES) };
  } catch (cause) {
    const message = `cannot read key "${path}": ${fileState(cause)}`;
    throw new GantryError('KEY_FILE_UNREADABLE', message, { cause });
  }
}
