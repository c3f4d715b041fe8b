import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parsePolicyPlace, type PolicyRule, setPolicyRule } from './edit-policy.ts';
import { openPolicy, policyPath } from './open-policy.ts';

let dir: string;
let dirs: readonly [system: string, local: string];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-policy-'));
  dirs = [join(dir, 'system'), join(dir, 'etc', 'gantry')];
  mkdirSync(dirs[0]);
});
afterEach(() => rmSync(dir, { recursive: true }));

const set = async (text: string, rule: PolicyRule | undefined) =>
  await setPolicyRule(dirs, parsePolicyPlace(text), rule);
const ruleOf = async (transport: string, scope: string) =>
  (await openPolicy(dirs)).transports.get(transport)?.get(scope);
const KEYS = [Buffer.from('one'), Buffer.from('two')];

describe('setPolicyRule()', () => {
  it('makes a policy that rejects everything else', async () => {
    const { path, changed } = await set('example.com/team', { type: 'signedBy', keys: KEYS });
    expect([path, changed]).toEqual([policyPath(dirs[1]), true]);
    expect((await openPolicy(dirs)).default).toEqual([{ type: 'reject' }]);
    expect(await ruleOf('docker', 'example.com/team')).toEqual([
      {
        type: 'signedBy',
        keys: { paths: [], data: [Buffer.from('onetwo')] },
        identity: { type: 'matchRepoDigestOrExact' },
      },
    ]);
    expect((await set('example.com/team', { type: 'signedBy', keys: KEYS })).changed).toBe(false);
  });

  it('changes what is said of a scope, and takes it away', async () => {
    await set('example.com', { type: 'reject' });
    await set('example.com', { type: 'sigstoreSigned', keys: KEYS, rekorKeys: [] });
    await set('oci:/srv/images', { type: 'insecureAcceptAnything' });
    expect(await ruleOf('docker', 'example.com')).toMatchObject([
      { type: 'sigstoreSigned', keys: { data: KEYS }, identity: { type: 'matchRepository' } },
    ]);
    expect(await ruleOf('oci', '/srv/images')).toEqual([{ type: 'insecureAcceptAnything' }]);
    await set('example.com', undefined);
    expect([...(await openPolicy(dirs)).transports.keys()]).toEqual(['oci']);
  });

  it('demands what a log has, of a key or of whom an authority certifies', async () => {
    const [ca, log] = [Buffer.from('ca'), Buffer.from('log')];
    await set('a.com', { type: 'sigstoreSigned', keys: [ca], rekorKeys: [log] });
    expect(readFileSync(policyPath(dirs[1]), 'utf8')).toContain('"keyData": "');
    expect(await ruleOf('docker', 'a.com')).toMatchObject([
      { keys: { data: [ca] }, rekorKeys: { data: [log] }, identity: { type: 'matchRepository' } },
    ]);
    const who = { oidcIssuer: 'https://id.example.com', subjectEmail: 'me@example.com' };
    await set('a.com', { type: 'fulcioSigned', ca, ...who, rekorKeys: KEYS });
    expect(await ruleOf('docker', 'a.com')).toMatchObject([
      {
        type: 'sigstoreSigned',
        keys: undefined,
        certified: { ca: { data: [ca] }, ...who },
        rekorKeys: { data: KEYS },
      },
    ]);
  });

  it('starts with the policy of the system, and leaves what it does not know of alone', async () => {
    const text = JSON.stringify({
      default: [{ type: 'insecureAcceptAnything' }],
      transports: {
        atomic: { 'x:1': [{ type: 'reject' }] },
        docker: { 'a.com': [{ type: 'reject' }] },
      },
    });
    writeFileSync(policyPath(dirs[0]), text);
    await set('b.com', { type: 'reject' });
    expect(readFileSync(policyPath(dirs[0]), 'utf8')).toBe(text);
    const policy = await openPolicy(dirs);
    expect(policy.default).toEqual([{ type: 'insecureAcceptAnything' }]);
    expect([...(policy.transports.get('docker')?.keys() ?? [])]).toEqual(['a.com', 'b.com']);
    expect(policy.transports.has('atomic')).toBe(true);
  });

  it('touches no policy that is broken', async () => {
    mkdirSync(dirs[1], { recursive: true });
    writeFileSync(policyPath(dirs[1]), '{"default":[],');
    await expect(set('a.com', { type: 'reject' })).rejects.toThrow('line 1');
    expect(readFileSync(policyPath(dirs[1]), 'utf8')).toBe('{"default":[],');
  });

  it.each(['', 'docker://a.com', 'A/b c', 'oci:relative', 'docker-archive:/a'])(
    'refuses the scope "%s"',
    (text) => {
      expect(() => parsePolicyPlace(text)).toThrow(
        expect.objectContaining({ code: 'POLICY_SCOPE_INVALID' }) as Error,
      );
    },
  );
});
