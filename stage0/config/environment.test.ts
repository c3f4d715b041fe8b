import { describe, expect, it } from 'vitest';
import { readEnvironment } from './environment.ts';

describe('readEnvironment()', () => {
  it('prefers proxies in lower case and ignores empty ones', () => {
    const { proxies } = readEnvironment({
      http_proxy: 'http://a',
      HTTP_PROXY: 'http://b',
      https_proxy: '',
      HTTPS_PROXY: 'http://c',
    });

    expect(proxies).toEqual({ http: 'http://a', https: 'http://c', none: undefined });
  });

  it('does not take a proxy from what a web client of a CGI program can set', () => {
    const { proxies } = readEnvironment({ REQUEST_METHOD: 'GET', HTTP_PROXY: 'http://evil' });

    expect(proxies.http).toBeUndefined();
  });

  it('names the certificate files, what the launcher set aside too', () => {
    const { certificateFiles } = readEnvironment({
      GANTRY_NODE_EXTRA_CA_CERTS: '/a.pem',
      SSL_CERT_FILE: '/b.pem',
    });

    expect(certificateFiles).toEqual(['/a.pem', '/b.pem']);
  });
});
