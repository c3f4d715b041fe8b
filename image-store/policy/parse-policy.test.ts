import { describe, expect, it } from 'vitest';
import { parsePolicy } from './parse-policy.ts';

const PATH = '/etc/gantry/policy.json';
const REJECT = [{ type: 'reject' }];
const KEY = Buffer.from('key').toString('base64');

/** A policy with one requirement for one host, a value a line. */
const policyWith = (requirement: object): string =>
  JSON.stringify(
    { default: REJECT, transports: { docker: { 'example.com': [requirement] } } },
    null,
    1,
  );

describe('parsePolicy()', () => {
  it('reads what podman reads', () => {
    const policy = parsePolicy(
      JSON.stringify({
        default: REJECT,
        transports: {
          docker: {
            '': [{ type: 'insecureAcceptAnything' }],
            'example.com:5000/team': [
              { type: 'signedBy', keyType: 'GPGKeys', keyPath: '/keys/a.gpg' },
              {
                type: 'sigstoreSigned',
                keyData: KEY,
                rekorPublicKeyPath: '/keys/rekor.pub',
                signedIdentity: { type: 'matchRepository' },
              },
            ],
            '*.example.com': REJECT,
          },
          oci: { '/srv/images': REJECT },
          atomic: { 'anything:at/all': REJECT },
        },
      }),
      PATH,
    );

    expect(policy.default).toEqual(REJECT);
    expect(policy.transports.get('docker')?.get('example.com:5000/team')).toEqual([
      {
        type: 'signedBy',
        keys: { paths: ['/keys/a.gpg'], data: [] },
        identity: { type: 'matchRepoDigestOrExact' },
      },
      {
        type: 'sigstoreSigned',
        keys: { paths: [], data: [Buffer.from('key')] },
        certified: undefined,
        rekorKeys: { paths: ['/keys/rekor.pub'], data: [] },
        identity: { type: 'matchRepository' },
      },
    ]);
  });

  it.each<[string, string, string]>([
    ['no JSON', '{\n "default": [\n}', 'line 3: it is not JSON'],
    ['a text that ends', '{\n "default":', 'line 2: it is not JSON'],
    [
      'a comma too many, far from the end',
      `{"default": [,\n${JSON.stringify([{ type: 'reject' }], undefined, 1)}\n]}`,
      'line 1: it is not JSON',
    ],
    [
      'a word that is none, in the middle',
      `${policyWith({ type: 'signedBy' }).replace('"signedBy"', 'signed')}\n\n`,
      'line 11: it is not JSON',
    ],
    ['something behind it', '{"default": [{"type":"reject"}]}\n\n}\n\n', 'line 3: it is not JSON'],
    ['comments', '{\n // no\n "default": []}', 'line 2: it is not JSON'],
    [
      'a name that stands twice',
      '{"default": [{"type":"reject"}],\n "default": []}',
      'line 2: a name',
    ],
    ['no default', '{"transports": {}}', 'line 1: "default": must be there'],
    ['nothing demanded', '{\n"default": []}', 'line 2: "default": must hold a requirement'],
    [
      'an unknown member',
      '{"default": [{"type":"reject"}],\n "defaults": []}',
      '"defaults": is not known',
    ],
    [
      'an unknown requirement',
      policyWith({ type: 'accept' }),
      'line 11: "transports"."docker"."example.com".0.',
    ],
    ['an unknown member of one', policyWith({ type: 'reject', really: true }), 'line 12: '],
    ['no key', policyWith({ type: 'signedBy', keyType: 'GPGKeys' }), 'exactly one of "keyPath"'],
    [
      'two keys',
      policyWith({ type: 'signedBy', keyType: 'GPGKeys', keyPath: '/a', keyData: KEY }),
      'exactly one of "keyPath"',
    ],
    [
      'a relative path',
      policyWith({ type: 'signedBy', keyType: 'GPGKeys', keyPath: 'a' }),
      'line 13: ',
    ],
    [
      'keys of another kind',
      policyWith({ type: 'signedBy', keyType: 'X509', keyPath: '/a' }),
      '"GPGKeys"',
    ],
    [
      'a certificate that no log knows',
      policyWith({
        type: 'sigstoreSigned',
        fulcio: { caPath: '/ca', oidcIssuer: 'https://i', subjectEmail: 'a@b' },
      }),
      'must have a "rekorPublicKeyPath"',
    ],
    ...(
      [
        [{}, 'exactly one of "caRootsPath"'],
        [{ caRootsPath: '/a', subjectEmail: '' }, 'must not be empty'],
        [{ caRootsPath: '/a' }, 'a "subjectEmail" or a "subjectHostname"'],
        [
          { caRootsPath: '/a', caIntermediatesPath: '/b', caIntermediatesData: KEY },
          'at most one of "caIntermediatesPath"',
        ],
      ] as const
    ).map(([pki, message]): [string, string, string] => [
      `the authorities ${JSON.stringify(pki)}`,
      policyWith({ type: 'sigstoreSigned', pki }),
      message,
    ]),
    [
      "an authority of one's own and a log",
      policyWith({
        type: 'sigstoreSigned',
        pki: { caRootsPath: '/a', subjectEmail: 'a@b' },
        rekorPublicKeyPath: '/r',
      }),
      'no key of a log beside "pki"',
    ],
    [
      'an unknown identity',
      policyWith({ type: 'sigstoreSigned', keyPath: '/a', signedIdentity: { type: 'any' } }),
      '"signedIdentity"',
    ],
    ...['docker://example.com', 'example.com/', 'example.com/Team', '*.*.com', 'a*.com'].map(
      (scope): [string, string, string] => [
        `the scope ${scope}`,
        JSON.stringify({ default: REJECT, transports: { docker: { [scope]: REJECT } } }, null, 1),
        'line 9: "transports"."docker".',
      ],
    ),
    [
      'a relative folder',
      JSON.stringify({ default: REJECT, transports: { oci: { images: REJECT } } }),
      'absolute path',
    ],
  ])('refuses %s and says where', (_what, text, message) => {
    expect(() => parsePolicy(text, PATH)).toThrow(
      expect.objectContaining({
        code: 'POLICY_INVALID',
        message: expect.stringContaining(message) as unknown,
      }) as Error,
    );
  });
});
