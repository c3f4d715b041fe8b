import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openPolicy, policyPath } from './open-policy.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-policy-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('takes the policy of the folder that comes last, and rejects everything without one', async () => {
  const [system, local] = [join(dir, 'system'), join(dir, 'local')];
  const open = async () => await openPolicy([system, local]);
  expect(await open()).toMatchObject({ path: policyPath(local), default: [{ type: 'reject' }] });

  mkdirSync(system);
  writeFileSync(policyPath(system), '{"default":[{"type":"insecureAcceptAnything"}]}');
  expect((await open()).default).toEqual([{ type: 'insecureAcceptAnything' }]);
  mkdirSync(local);
  writeFileSync(policyPath(local), '{"default":[{"type":"reject"}]}');
  expect((await open()).default).toEqual([{ type: 'reject' }]);
});

it('does not pass over one that cannot be read', async () => {
  writeFileSync(policyPath(dir), '{');
  await expect(openPolicy([dir])).rejects.toThrow('line 1: it is not JSON');
  rmSync(policyPath(dir));
  mkdirSync(policyPath(dir));
  await expect(openPolicy([dir])).rejects.toThrow('it is a directory');
});
