import { describe, expect, it } from 'vitest';
import { transportFailure } from './http-failure.ts';

const URL_ASKED = new URL('https://example.com/a.aci');
const failed = (code: string, reason: string): Error =>
  Object.assign(new Error(`request to ${URL_ASKED.href} failed, reason: ${reason}`), { code });

describe('transportFailure()', () => {
  it.each([
    ['CERT_HAS_EXPIRED', 'certificate has expired', 'FETCH_TLS', /clock of this host/],
    ['CERT_NOT_YET_VALID', 'certificate is not yet valid', 'FETCH_TLS', /clock of this host/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'no match', 'FETCH_TLS', /look at the address/],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed', 'FETCH_TLS', /SSL_CERT_FILE/],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed', 'FETCH_TLS', /"certs.d\/example.com\/ca.crt"/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'alert', 'FETCH_TLS', /NAME.cert and NAME.key/],
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'alert', 'FETCH_TLS', /NAME.cert and NAME.key/],
    [
      'EPROTO',
      'write EPROTO: wrong version number',
      'FETCH_NO_TLS',
      /begins with http:.* needs --insecure-options=http/,
    ],
    ['ECONNRESET', 'socket hang up', 'FETCH_UNREACHABLE', /https_proxy names a proxy/],
  ])('tells what to do about %s, and the reason without the address', (...row) => {
    const [code, reason, expected, hint] = row;
    // What OpenSSL says ends with a line break.
    const failure = transportFailure(URL_ASKED, failed(code, `${reason}\n`));

    expect(failure).toMatchObject({ code: expected, cause: { code, message: reason } });
    expect(failure.hint).toMatch(hint);
  });

  it('names the host that was not found, which may be the proxy', () => {
    const failure = transportFailure(
      URL_ASKED,
      failed('ENOTFOUND', 'getaddrinfo ENOTFOUND proxy.lan'),
    );

    expect(failure.message).toContain('host "proxy.lan" cannot be found (ENOTFOUND)');
  });
});
