import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import type { OperationContext } from '../operations/context.ts';
import { callEntrypoint } from './entrypoint-call.ts';
import { loaded } from './loaded.ts';

const UUID = '6733c088-a507-4694-aabf-6f5f4c7a4d2b';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'entrypoint-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
  loaded.unfinished = false;
  loaded.foreign = undefined;
});

/** Calls `gc` of a stage1 made of one file. */
async function call(
  file: string,
  text: string,
  { timeoutMs = 60_000, mode = 0o755 } = {},
): Promise<number> {
  const rootfs = join(dir, 'rootfs');
  mkdirSync(rootfs);
  writeFileSync(join(rootfs, file), text, { mode });
  const flavor = {
    name: 'example.com/stage1',
    interfaceVersion: 8,
    entrypoints: { gc: `/${file}` },
    features: 'all',
  } as const;
  const context = { exec: nodeExec, env: { PATH: '/usr/bin:/bin' }, programDir: dir };

  return await callEntrypoint(
    context as unknown as OperationContext,
    { flavor, treeRootfs: rootfs, podRootfs: rootfs },
    { name: 'gc', podDir: dir, args: [UUID], env: {}, timeoutMs },
  );
}

describe('callEntrypoint()', () => {
  it('returns how a program ended', async () => {
    expect(await call('gc', '#!/bin/sh\n[ "$1" ] && exit 3\n')).toBe(3);
  });

  it.each([
    ['names an interpreter that is not there', '#!/no/such', 0o755],
    ['is not executable', '#!/bin/sh', 0o644],
  ])('says so when a program %s', async (state, text, mode) => {
    await expect(call('gc', `${text}\n`, { mode })).rejects.toMatchObject({
      code: 'STAGE1_NOT_EXECUTABLE',
      message: `cannot gc the pod: "/gc" of stage1 image "example.com/stage1" ${state}`,
    });
  });

  it('ends a program that takes too long, and all that it started', async () => {
    const script = '#!/bin/sh\nsleep 600 & echo $! >child\nwait\n';

    await expect(call('gc', script, { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'STAGE1_TIMED_OUT',
      message: 'stage1 "example.com/stage1" failed: its "gc" has not ended within 1 s',
    });
    const child = readFileSync(join(dir, 'child'), 'utf8').trim();
    expect(existsSync(`/proc/${child}/exe`)).toBe(false);
  });

  it('waits no longer for what is loaded and takes too long', async () => {
    const script = 'exports.entrypoint = () => new Promise((r) => setTimeout(r, 1000, 0));';

    await expect(call('gc.js', script, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'STAGE1_TIMED_OUT',
    });
    expect(loaded.unfinished).toBe(true);
  });

  it.each([
    ['that ends', 7],
    ['without a limit', 8],
  ])('returns the status of what is loaded, %s', async (_how, status) => {
    const script = `exports.entrypoint = async () => ${status};`;

    const timeoutMs = status === 8 ? Number.POSITIVE_INFINITY : 1000;

    expect(await call('gc.js', script, { timeoutMs })).toBe(status);
    expect(loaded.unfinished).toBe(false);
  });

  it.each([
    [
      'throws',
      'export const entrypoint = async () => { throw new Error("oops"); };',
      /failed: oops$/,
    ],
    ['throws at once', 'export const entrypoint = () => { throw 5; };', /failed: 5$/],
    ['does not load', 'syntax error here', /failed: cannot load ".*gc.mjs": Unexpected identifier/],
    [
      'lacks a part',
      'import "./lib.mjs"; export const entrypoint = 1;',
      /failed: cannot load .*: Cannot find module/,
    ],
    ['returns nothing', 'export const entrypoint = async () => {};', /its "gc" returned undefined/],
    [
      'returns text',
      'export const entrypoint = async () => "1";',
      /returned a value of type string/,
    ],
    ['returns too much', 'export const entrypoint = async () => 256;', /returned 256, which is no/],
    [
      'throws where nobody catches it',
      `export const entrypoint = async () => {
        setTimeout(() => { throw new TypeError("late"); }, 1);
        await new Promise((resolve) => setTimeout(resolve, 1000));
        return 0;
      };`,
      /failed: late$/,
    ],
  ])('names the stage1 when what it loaded %s', async (_what, script, message) => {
    await expect(call('gc.mjs', script)).rejects.toMatchObject({
      code: 'STAGE1_FAILED',
      message: expect.stringMatching(message) as unknown,
    });
  });

  it('leaves an error of ours as it is', async () => {
    const script = `export const entrypoint = () => {
      throw Object.assign(new Error("cannot"), { isGantryError: true, code: "MINE" });
    };`;

    await expect(call('gc.mjs', script)).rejects.toMatchObject({ code: 'MINE' });
  });
});
