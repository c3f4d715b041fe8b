import { existsSync, readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { errorMessage, GantryError } from '#base/errors/gantry-error';
import type { Proxies } from './http-options.ts';

/** The connections of one client, kept open between requests to the same server. */
export interface Agents {
  of(url: URL): HttpAgent;
  /** Closes every connection. */
  close(): void;
}

export interface AgentOptions {
  readonly proxies?: Proxies | undefined;
  readonly certificateFiles?: readonly string[] | undefined;
  /** Whether a server's certificate must be good. */
  readonly checkCertificates: boolean;
}

/** Makes the connections of one client; certificates are read when the first HTTPS connection is needed. */
export function createAgents(options: AgentOptions): Agents {
  const proxyEnv = proxyEnvironment(options.proxies);
  const shared = { keepAlive: true, ...(proxyEnv === undefined ? {} : { proxyEnv }) };
  const plain = new HttpAgent(shared);
  let secure: HttpsAgent | undefined;
  const secureAgent = (): HttpsAgent =>
    new HttpsAgent({
      ...shared,
      secureContext: trustContext(options.certificateFiles ?? []),
      rejectUnauthorized: options.checkCertificates,
    });

  return {
    of: (url) => (url.protocol === 'https:' ? (secure ??= secureAgent()) : plain),
    close: () => {
      plain.destroy();
      secure?.destroy();
    },
  };
}

function proxyEnvironment(proxies: Proxies = {}): Record<string, string> | undefined {
  const { http, https, none } = proxies;
  if (http === undefined && https === undefined) return undefined;

  return {
    ...(http === undefined ? {} : { HTTP_PROXY: http }),
    ...(https === undefined ? {} : { HTTPS_PROXY: https }),
    ...(none === undefined ? {} : { NO_PROXY: none }),
  };
}

/** Where distributions keep the authorities that their administrator trusts; the first one counts (Go, crypto/x509/root_linux.go). */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** The system's authorities, or Node's own list where the system has none, and those of the given files. */
function trustContext(files: readonly string[]): SecureContext {
  const system = SYSTEM_BUNDLES.find((path) => existsSync(path));
  if (system === undefined && files.length === 0) return createSecureContext();

  const base = system === undefined ? getCACertificates('default') : [readBundle(system)];
  return createSecureContext({ ca: [...base, ...files.map(readCertificates)] });
}

function readCertificates(path: string): Buffer {
  const bundle = readBundle(path);
  if (bundle.includes('-----BEGIN ')) return bundle;

  throw new GantryError(
    'CERTIFICATES_INVALID',
    `cannot use certificates "${path}": not a PEM file`,
    {
      hint: 'SSL_CERT_FILE and NODE_EXTRA_CA_CERTS name files of certificates in PEM form',
    },
  );
}

function readBundle(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new GantryError(
      'CERTIFICATES_INVALID',
      `cannot read certificates "${path}": ${errorMessage(cause)}`,
      { cause },
    );
  }
}
