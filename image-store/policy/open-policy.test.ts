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

it('takes the policy of the folder that comes last, and rejects everything without one', () => {
  const [system, local] = [join(dir, 'system'), join(dir, 'local')];
  const open = () => openPolicy([system, local]);
  expect(open()).toMatchObject({ path: policyPath(local), default: [{ type: 'reject' }] });

  mkdirSync(system);
  writeFileSync(policyPath(system), '{"default":[{"type":"insecureAcceptAnything"}]}');
  expect(open().default).toEqual([{ type: 'insecureAcceptAnything' }]);
  mkdirSync(local);
  writeFileSync(policyPath(local), '{"default":[{"type":"reject"}]}');
  expect(open().default).toEqual([{ type: 'reject' }]);
});

it('does not pass over one that cannot be read', () => {
  writeFileSync(policyPath(dir), '{');
  expect(() => openPolicy([dir])).toThrow('line 1: it is not JSON');
  rmSync(policyPath(dir));
  mkdirSync(policyPath(dir));
  expect(() => openPolicy([dir])).toThrow('it is a directory');
});
