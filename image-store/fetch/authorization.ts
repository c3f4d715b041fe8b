import type { Credential, HostCredential } from './http-options.ts';

/** A request that is about to be sent to a server. */
export interface Outgoing {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * What is configured for a server. Hosts are compared whole and with their
 * port, so that nothing goes to `evil-example.com` or to another port.
 */
export function credentialFor(auth: readonly HostCredential[], url: URL): Credential | undefined {
  const names = namesOf(url);

  return auth.find(({ domain }) => names.includes(domain.toLowerCase()))?.credential;
}

/** A server as it may be written: with its port, and without where that is the usual one. */
export function namesOf(url: URL): readonly string[] {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;

  return [url.host, `${url.hostname}:${port}`];
}

/** What an URL itself says about its user: `https://user:password@host/`. */
export function credentialIn(url: URL): Credential | undefined {
  if (url.username === '' && url.password === '') return undefined;

  return {
    type: 'basic',
    user: unescapePart(url.username),
    password: unescapePart(url.password),
  };
}

function unescapePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The same URL without user and password. */
export function withoutUser(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  bare.hash = '';

  return bare;
}

/** The headers of a request with those that prove who we are. */
export async function authorized(
  { url, headers }: Outgoing,
  credential: Credential | undefined,
): Promise<Record<string, string>> {
  switch (credential?.type) {
    case 'basic': {
      const pair = Buffer.from(`${credential.user}:${credential.password}`).toString('base64');
      return { ...headers, authorization: `Basic ${pair}` };
    }
    case 'oauth':
      return { ...headers, authorization: `Bearer ${credential.token}` };
    case 'aws':
      return isPresigned(url) ? { ...headers } : await signed({ url, headers }, credential);
    default:
      return { ...headers };
  }
}

/** S3 refuses a request that is signed twice. */
function isPresigned(url: URL): boolean {
  return url.searchParams.has('X-Amz-Signature');
}

async function signed(
  { url, headers }: Outgoing,
  { accessKeyID, secretAccessKey, awsRegion }: Extract<Credential, { type: 'aws' }>,
): Promise<Record<string, string>> {
  const { default: aws4 } = await import('aws4');
  const request = aws4.sign(
    {
      service: 's3',
      ...(awsRegion === undefined ? {} : { region: awsRegion }),
      host: url.host,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: { ...headers },
    },
    { accessKeyId: accessKeyID, secretAccessKey },
  );

  return Object.fromEntries(
    Object.entries(request.headers ?? {}).map(([name, value]) => [name, String(value)]),
  );
}
