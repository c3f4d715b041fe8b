import { existsSync, readFileSync } from 'node:fs';
import { Agent as HttpAgent, type AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import {
  createSecureContext,
  getCACertificates,
  type SecureContext,
  setDefaultCACertificates,
} from 'node:tls';
import { errorMessage, GantryError } from '#base/errors/gantry-error';
import type { Proxies } from './http-options.ts';
import { isDirect } from './no-proxy.ts';

/** The connections of one client, kept open between requests to the same server. */
export interface Agents {
  of(url: URL): HttpAgent;
  /** The proxy, `host:port`, that an URL is asked through over TLS. */
  secureProxyOf(url: URL): string | undefined;
  /** Closes every connection. */
  close(): void;
}

export interface AgentsOptions {
  readonly proxies?: Proxies | undefined;
  readonly certificateFiles?: readonly string[] | undefined;
  /** Whether a server's certificate must be good. */
  readonly checkCertificates: boolean;
}

/** Makes the connections of one client; certificates are read when the first HTTPS connection is needed. */
export function createAgents(options: AgentsOptions): Agents {
  const { proxies = {}, certificateFiles = [], checkCertificates } = options;
  const made = new Map<string, HttpAgent>();
  const make = (isSecure: boolean, proxy: string | undefined): HttpAgent => {
    const shared = { keepAlive: true, ...proxied(isSecure, proxy) };
    if (proxy !== undefined && hostOverTls(proxy) !== undefined) trustForProxies(certificateFiles);
    if (!isSecure) return new HttpAgent(shared);

    const secureContext = trustContext(certificateFiles);
    return new HttpsAgent({ ...shared, secureContext, rejectUnauthorized: checkCertificates });
  };

  const proxyOf = (url: URL): string | undefined =>
    isDirect(url, proxies.none) ? undefined : proxies[url.protocol === 'https:' ? 'https' : 'http'];

  return {
    secureProxyOf: (url) => hostOverTls(proxyOf(url) ?? ''),
    of: (url) => {
      const isSecure = url.protocol === 'https:';
      const proxy = proxyOf(url);
      const kind = `${url.protocol} ${proxy ?? ''}`;
      const agent = made.get(kind) ?? make(isSecure, proxy);
      made.set(kind, agent);
      return agent;
    },
    close: () => {
      for (const agent of made.values()) agent.destroy();
    },
  };
}

function proxied(isSecure: boolean, proxy: string | undefined): AgentConfiguration {
  if (proxy === undefined) return {};
  const address = proxy.includes('://') ? proxy : `http://${proxy}`;
  if (!URL.canParse(address) || !/^https?:\/\//i.test(address)) {
    throw new GantryError(
      'PROXY_INVALID',
      `cannot use proxy "${proxy}": not an http or https URL`,
      {
        hint: 'look at HTTP_PROXY and HTTPS_PROXY',
      },
    );
  }

  return { proxyEnv: isSecure ? { HTTPS_PROXY: address } : { HTTP_PROXY: address } };
}

function hostOverTls(proxy: string): string | undefined {
  return /^https:/i.test(proxy) && URL.canParse(proxy) ? new URL(proxy).host : undefined;
}

type AgentConfiguration = Pick<AgentOptions, 'proxyEnv'>;

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
  const ca = authorities(files);

  return ca === undefined ? createSecureContext() : createSecureContext({ ca });
}

/** Node takes its defaults for proxies, whatever the agent has. */
function trustForProxies(files: readonly string[]): void {
  const ca = authorities(files);
  if (ca !== undefined) setDefaultCACertificates(ca);
}

/** @returns undefined for Node's own */
function authorities(files: readonly string[]): (string | Buffer)[] | undefined {
  const system = SYSTEM_BUNDLES.find((path) => existsSync(path));
  if (system === undefined && files.length === 0) return undefined;

  const base = system === undefined ? getCACertificates('bundled') : [readBundle(system)];
  return [...base, ...files.map(readCertificates)];
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
