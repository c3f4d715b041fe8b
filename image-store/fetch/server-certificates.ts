import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { filesIn } from '#base/fs/files-in';
import { DOCKER_HUB, DOCKER_HUB_REGISTRY } from '../reference/oci-reference.ts';
import { namesOf } from './authorization.ts';
import { readPem } from './certificate-files.ts';

/** What counts for one server and for no other. */
export interface ServerCertificates {
  /** Authorities that are trusted beside those that always are. */
  readonly ca: readonly Buffer[];
  /** What proves who we are, if it asks; each with its key. */
  readonly cert: readonly Buffer[];
  readonly key: readonly Buffer[];
}

/**
 * Reads what is configured for a server: `HOST[:PORT]/*.crt`, and `*.cert` with
 * `*.key` of the same name, in the last folder that has one for it (containers-certs.d(5)).
 * @param dirs lowest first
 * @param warn told of keys that everybody may read
 * @throws GantryError CERTIFICATES_INVALID
 */
export function readServerCertificates(
  dirs: readonly string[],
  url: URL,
  warn: (message: string) => void,
): ServerCertificates | undefined {
  const names = foldersOf(url);
  const folders = dirs.toReversed().flatMap((dir) => names.map((name) => join(dir, name)));
  const folder = folders.find((each) => statSync(each, { throwIfNoEntry: false }) !== undefined);
  if (folder === undefined) return undefined;

  const certs = listed(folder, '.cert');
  const pairs = certs.map((cert) => readPair(cert, warn));
  for (const key of listed(folder, '.key')) {
    const cert = key.replace(/key$/, 'cert');
    if (!certs.includes(cert)) throw lacking(key, `"${cert}"`);
  }

  return {
    ca: listed(folder, '.crt').map((path) => readCertificate(path).pem),
    cert: pairs.map(({ cert }) => cert),
    key: pairs.map(({ key }) => key),
  };
}

/** Docker Hub answers elsewhere than it is called. */
function foldersOf(url: URL): readonly string[] {
  const names = url.host === DOCKER_HUB_REGISTRY ? [DOCKER_HUB] : [];

  return [...names, ...namesOf(url)].filter((name) => !name.startsWith('.'));
}

function listed(folder: string, ending: string): readonly string[] {
  try {
    return filesIn(folder, ending);
  } catch (cause) {
    throw invalid(`cannot read "${folder}": ${fileState(cause)}`, cause);
  }
}

interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

function readPair(path: string, warn: (message: string) => void): Pair {
  const keyPath = path.replace(/cert$/, 'key');
  const mode = statSync(keyPath, { throwIfNoEntry: false })?.mode;
  // Who calls an authority so gets to know, as with podman.
  if (mode === undefined) throw lacking(path, `"${keyPath}"; authorities have names in .crt`);
  const { pem: cert, certificate } = readCertificate(path);
  const key = readPem({ path: keyPath, hint: HINT });
  if (!certificate.checkPrivateKey(readKey(keyPath, key))) {
    throw invalid(`cannot use "${keyPath}": it is not the key of "${path}"`);
  }
  if ((mode & EVERYBODY) !== 0) {
    warn(`everybody on this machine may read the key "${keyPath}": take that away with chmod o=`);
  }

  return { cert, key };
}

const EVERYBODY = 0o004;

function readCertificate(path: string): {
  readonly pem: Buffer;
  readonly certificate: X509Certificate;
} {
  const pem = readPem({ path, hint: HINT });
  try {
    return { pem, certificate: new X509Certificate(pem) };
  } catch (cause) {
    throw invalid(`cannot use "${path}": no certificate can be read in it`, cause);
  }
}

function readKey(path: string, pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw invalid(
      `cannot use "${path}": no key can be read in it; one with a passphrase cannot`,
      cause,
    );
  }
}

const HINT = 'see containers-certs.d(5)';

const lacking = (path: string, what: string): GantryError =>
  invalid(`cannot use "${path}": there is no ${what}`);

function invalid(message: string, cause?: unknown): GantryError {
  return new GantryError('CERTIFICATES_INVALID', message, { cause, hint: HINT });
}
