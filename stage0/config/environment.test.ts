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

  it('looks for passwords in the file that is named alone, else where podman and docker do', () => {
    const home = { HOME: '/h', XDG_RUNTIME_DIR: '/r', REGISTRY_AUTH_FILE: '' };
    const usual = ['/r/containers/auth.json', '/h/.config/containers/auth.json'];

    expect(readEnvironment({ ...home, REGISTRY_AUTH_FILE: '/a' }).loginFiles).toEqual(['/a']);
    expect(readEnvironment(home).loginFiles).toEqual([...usual, '/h/.docker/config.json']);
    expect(readEnvironment({ ...home, XDG_CONFIG_HOME: '', DOCKER_CONFIG: '' }).loginFiles).toEqual(
      [...usual, '/h/.docker/config.json'],
    );
    expect(
      readEnvironment({ ...home, XDG_CONFIG_HOME: '/c', DOCKER_CONFIG: '/d' }).loginFiles,
    ).toEqual(['/r/containers/auth.json', '/c/containers/auth.json', '/d/config.json']);
  });

  it('names the certificate files, what the launcher set aside too', () => {
    const { certificateFiles } = readEnvironment({
      GANTRY_NODE_EXTRA_CA_CERTS: '/a.pem',
      SSL_CERT_FILE: '/b.pem',
    });

    expect(certificateFiles).toEqual([
      { path: '/a.pem', namedBy: 'NODE_EXTRA_CA_CERTS' },
      { path: '/b.pem', namedBy: 'SSL_CERT_FILE' },
    ]);
  });
});
