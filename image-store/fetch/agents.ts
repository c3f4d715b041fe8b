import { existsSync } from 'node:fs';
import { Agent as HttpAgent, type AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import {
  createSecureContext,
  getCACertificates,
  type SecureContext,
  setDefaultCACertificates,
} from 'node:tls';
import { GantryError } from '#base/errors/gantry-error';
import { readCertificateFile, readPem } from './certificate-files.ts';
import type { CertificateFile, Proxies } from './http-options.ts';
import { isDirect } from './no-proxy.ts';
import { readServerCertificates, type ServerCertificates } from './server-certificates.ts';

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
  readonly certificateFiles?: readonly CertificateFile[] | undefined;
  /** Folders of what counts for one server each. */
  readonly certificateDirs?: readonly string[] | undefined;
  /** Whether a server's certificate must be good. */
  readonly isChecked: (url: URL) => boolean;
  readonly warn: (message: string) => void;
}

/** Makes the connections of one client; certificates are read when the first HTTPS connection is needed. */
export function createAgents(options: AgentsOptions): Agents {
  const { proxies = {} } = options;
  const made = new Map<string, HttpAgent>();
  const ofServers = perServer(options);

  const proxyOf = (url: URL): string | undefined =>
    isDirect(url, proxies.none) ? undefined : proxies[url.protocol === 'https:' ? 'https' : 'http'];

  return {
    secureProxyOf: (url) => hostOverTls(proxyOf(url) ?? ''),
    of: (url) => {
      const proxy = proxyOf(url);
      const server = url.protocol === 'https:' ? ofServers(url) : undefined;
      // What counts for one server alone is never shown to another.
      const place = server?.certificates === undefined ? '' : url.host;
      const kind = `${url.protocol} ${proxy ?? ''} ${place} ${server?.isChecked}`;
      const agent = made.get(kind) ?? makeAgent(options, proxy, server);
      made.set(kind, agent);
      return agent;
    },
    close: () => {
      for (const agent of made.values()) agent.destroy();
    },
  };
}

/** What counts for one server over TLS. */
interface SecureServer {
  readonly isChecked: boolean;
  readonly certificates: ServerCertificates | undefined;
}

function perServer({
  certificateDirs = [],
  isChecked,
  warn,
}: AgentsOptions): (url: URL) => SecureServer {
  const known = new Map<string, SecureServer>();

  return (url) => {
    const server = known.get(url.host) ?? {
      isChecked: isChecked(url),
      certificates: readServerCertificates(certificateDirs, url, warn),
    };
    known.set(url.host, server);
    return server;
  };
}

/** @param server undefined for plain HTTP */
function makeAgent(
  { certificateFiles = [] }: AgentsOptions,
  proxy: string | undefined,
  server: SecureServer | undefined,
): HttpAgent {
  const shared = { keepAlive: true, ...proxied(server !== undefined, proxy) };
  if (proxy !== undefined && hostOverTls(proxy) !== undefined) trustForProxies(certificateFiles);
  if (server === undefined) return new HttpAgent(shared);

  const secureContext = trustContext(certificateFiles, server.certificates);
  return new HttpsAgent({ ...shared, secureContext, rejectUnauthorized: server.isChecked });
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

/** The system's authorities, or Node's own list where the system has none, those of the given files, and what counts for the server alone. */
function trustContext(
  files: readonly CertificateFile[],
  own: ServerCertificates | undefined,
): SecureContext {
  const { ca: more = [], cert = [], key = [] } = own ?? {};
  const common = authorities(files) ?? (more.length > 0 ? getCACertificates('bundled') : undefined);

  return createSecureContext({
    ...(common === undefined ? {} : { ca: [...common, ...more] }),
    ...(cert.length === 0 ? {} : { cert: [...cert], key: [...key] }),
  });
}

/** Node takes its defaults for proxies, whatever the agent has. */
function trustForProxies(files: readonly CertificateFile[]): void {
  const ca = authorities(files);
  if (ca !== undefined) setDefaultCACertificates(ca);
}

/** @returns undefined for Node's own */
function authorities(files: readonly CertificateFile[]): (string | Buffer)[] | undefined {
  const system = SYSTEM_BUNDLES.find((path) => existsSync(path));
  if (system === undefined && files.length === 0) return undefined;

  const base =
    system === undefined ? getCACertificates('bundled') : [readCertificateFile({ path: system })];
  return [...base, ...files.map(readNamed)];
}

function readNamed({ path, namedBy }: CertificateFile): Buffer {
  const hint = `set ${namedBy} to a file of certificates in PEM form, or unset it`;

  return readPem({ path, namedBy, hint });
}
