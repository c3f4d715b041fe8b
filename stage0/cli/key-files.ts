import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { readNamedFile } from '#base/fs/named-file';
import { discoverKeys, downloadKeys, type KeyScope, type KeySourceOptions } from '#image-store';
import { httpOptions } from './fetching.ts';
import type { Workplace } from './workplace.ts';

/** Which keys are wanted. */
export interface KeyWish {
  readonly scope: KeyScope;
  /** Paths and URLs; none for those that the scope's site announces. */
  readonly places: readonly string[];
  readonly allowHttp: boolean;
}

/** A file of public keys, not read yet for what it is. */
export interface KeyFile {
  /** A path or URL. */
  readonly source: string;
  readonly data: Uint8Array;
}

/** Larger files hold no key that anybody would review. */
const MAX_BYTES = 1024 * 1024;

/**
 * Brings key files, one after the other.
 * @throws GantryError KEY_FILE_UNREADABLE, DISCOVERY_FAILED, HTTP_NOT_ALLOWED, and what fetching throws
 */
export async function* keyFiles(
  workplace: Workplace,
  { scope, places, allowHttp }: KeyWish,
): AsyncGenerator<KeyFile> {
  const { globals, context } = workplace;
  const options = async (): Promise<KeySourceOptions> => ({
    log: context.log,
    http: await httpOptions(workplace),
    insecure: { http: allowHttp, tls: globals.insecure.tls },
  });

  if (places.length === 0 && scope !== '') {
    const found = await hinting(discoverKeys(scope, await options()));
    for (const { url, data } of found) yield { source: url, data };
  }
  for (const place of places) {
    if (!/^https?:\/\//i.test(place)) yield readKeyFile(place);
    else {
      const asked = demandUrl(place, allowHttp);
      const { url, data } = await hinting(downloadKeys(asked, await options()));
      yield { source: url, data };
    }
  }
}

const HTTP_HINT = 'use https, or allow it with --insecure-allow-http';
const NO_TLS_HINT = 'look at the address; plain HTTP needs http:// and --insecure-allow-http';

/** Where a site speaks plain HTTP, names the flag that counts for keys. */
async function hinting<Found>(fetching: Promise<Found>): Promise<Found> {
  try {
    return await fetching;
  } catch (error) {
    if (!isGantryError(error) || !/--insecure-options=http\b/.test(error.hint ?? '')) throw error;
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

function readKeyFile(place: string): KeyFile {
  const path = place.startsWith('file://') ? decodeURIComponent(new URL(place).pathname) : place;
  try {
    return { source: path, data: readNamedFile(path, MAX_BYTES) };
  } catch (cause) {
    const message = `cannot read key "${path}": ${fileState(cause)}`;
    throw new GantryError('KEY_FILE_UNREADABLE', message, { cause });
  }
}
