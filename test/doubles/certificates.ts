import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate authority of a test's own and one certificate by it. */
export interface TestCertificates extends Disposable {
  /** PEM file to trust. */
  readonly caFile: string;
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** Makes certificates for DNS names; 127.0.0.1 is always among what they are good for. Removed when disposed of. */
export function makeCertificates(names: readonly string[]): TestCertificates {
  const dir = mkdtempSync(join(tmpdir(), 'gantry-ca-'));
  const at = (name: string): string => join(dir, name);
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const alternatives = [...names.map((name) => `DNS:${name}`), 'IP:127.0.0.1'].join(',');
  writeFileSync(at('extensions'), `subjectAltName=${alternatives}\n`);

  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=gantry test CA',
  );
  openssl('req', ...newKey, '-keyout', 'key', '-out', 'csr', '-subj', '/CN=gantry test');
  openssl(
    'x509',
    '-req',
    '-in',
    'csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'cert',
    '-days',
    '2',
    '-extfile',
    'extensions',
  );

  return {
    caFile: at('ca.pem'),
    key: readFileSync(at('key')),
    cert: readFileSync(at('cert')),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}
