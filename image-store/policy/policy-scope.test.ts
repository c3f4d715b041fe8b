import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseLocalReference, parseRegistryReference } from '../reference/oci-reference.ts';
import type { RegistryReference } from '../reference/index.ts';
import type { Policy, Requirements } from './policy.ts';
import { matchPolicy, scopesOf } from './policy-scope.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const image = (text: string): RegistryReference => parseRegistryReference(text, text);

describe('scopesOf()', () => {
  it('goes from an image to the domains of its host', () => {
    expect(scopesOf(image('a.b.example.com:5000/team/app:1'))).toEqual([
      'a.b.example.com:5000/team/app:1',
      'a.b.example.com:5000/team/app',
      'a.b.example.com:5000/team',
      'a.b.example.com:5000',
      '*.b.example.com',
      '*.example.com',
      '*.com',
    ]);
    expect(scopesOf(image(`localhost/app@${DIGEST}`))).toEqual([
      `localhost/app@${DIGEST}`,
      'localhost/app',
      'localhost',
    ]);
  });

  it('goes from a layout to the folders above it, whatever links lead there', () => {
    const dir = mkdtempSync(join(tmpdir(), 'gantry-scope-'));
    mkdirSync(join(dir, 'images', 'app'), { recursive: true });
    symlinkSync('images', join(dir, 'link'));
    const scopes = scopesOf(parseLocalReference(`oci:${dir}/link/app:1.0`, 'oci'));
    rmSync(dir, { recursive: true });

    expect(scopes.slice(0, 3)).toEqual([
      `${dir}/images/app:1.0`,
      `${dir}/images/app`,
      `${dir}/images`,
    ]);
    expect(scopes.at(-1)).toBe('/tmp');
    expect(scopesOf(parseLocalReference('docker-archive:/a/b.tar', 'docker-archive'))).toEqual([]);
  });
});

describe('matchPolicy()', () => {
  const reject: Requirements = [{ type: 'reject' }];
  const accept: Requirements = [{ type: 'insecureAcceptAnything' }];
  const policy: Policy = {
    path: '/policy.json',
    default: reject,
    transports: new Map([
      [
        'docker',
        new Map([
          ['example.com/team', accept],
          ['example.com/team/secret', reject],
          ['*.example.com', accept],
        ]),
      ],
      ['oci', new Map([['', accept]])],
    ]),
  };

  it.each([
    ['example.com/team/app', 'docker:example.com/team'],
    ['example.com/team/secret:1', 'docker:example.com/team/secret'],
    ['example.com/teams', 'default'],
    ['x.example.com/a', 'docker:*.example.com'],
    ['example.org/a', 'default'],
  ])('takes for %s what is said of %s', (text, scope) => {
    expect(matchPolicy(policy, image(text)).scope).toBe(scope);
  });

  it('takes what is said of the transport, before the default', () => {
    const { scope, requirements } = matchPolicy(policy, parseLocalReference('oci:/a', 'oci'));
    expect([scope, requirements]).toEqual(['oci:', accept]);
    const archive = parseLocalReference('oci-archive:/a', 'oci-archive');
    expect(matchPolicy(policy, archive).scope).toBe('default');
  });
});
