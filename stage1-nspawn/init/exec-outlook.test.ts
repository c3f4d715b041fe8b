import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ExecRequest, foreseeEntry, foreseeExec } from './exec-outlook.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'root-'));
  chmodSync(root, 0o755);
  mkdirSync(join(root, 'bin'));
  program('sh', '\0'.repeat(80));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function program(name: string, content: string | Uint8Array, mode = 0o755): string {
  const path = join(root, 'bin', name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return `/bin/${name}`;
}

const SOMEBODY = { uid: 1000, gid: 100, supplementaryGids: [], account: undefined } as const;
const request = (path: string): ExecRequest => ({ path, argv: [path], environment: {} });
const status = (path: string, uid = 0): number | undefined =>
  foreseeExec(root, request(path), { ...SOMEBODY, uid })?.status;

describe('foreseeExec()', () => {
  it.each([
    ['#!/bin/sh\n', undefined],
    ['#! /bin/sh -e\n', undefined],
    ['#!/bin/none\n', 127],
    ['#!none', 127],
    [`#!/${'a'.repeat(4000)}\n`, 127],
    ['#!\n', 126],
    ['echo no interpreter\n', 126],
    ['', 126],
    ['\x7fELF', 126],
    [`\x7fELF\x02${'\0'.repeat(80)}`, 126],
  ] as const)('takes a file that begins with %j for %j', (content, expected) => {
    expect(status(program('file', Buffer.from(content, 'latin1')))).toBe(expected);
  });

  it('reads which loader a program of this machine needs', () => {
    copyFileSync(process.execPath, join(root, 'bin', 'node'));
    const obstacle = foreseeExec(root, request('/bin/node'), SOMEBODY);

    expect(obstacle).toMatchObject({ status: 127 });
    expect(obstacle?.message).toMatch(/interpreter "\/lib.*" is not in the image/);
  });

  it('knows who may execute a file', () => {
    const path = program('file', '#!/bin/sh\n', 0o700);

    expect(status(path)).toBeUndefined();
    expect(status(path, 1000)).toBe(126);
    expect(status(program('file', '#!/bin/sh\n', 0o701), 1000)).toBeUndefined();
    chmodSync(join(root, 'bin', 'sh'), 0o700);
    expect(status(path, 1000)).toBe(126);
  });

  it('knows who may come to a file', () => {
    const path = program('file', '#!/bin/sh\n');
    symlinkSync('bin', join(root, 'linked'));
    chmodSync(join(root, 'bin'), 0o700);
    const denied = foreseeExec(root, request('/linked/file'), SOMEBODY);

    expect(denied).toMatchObject({ status: 126 });
    expect(denied?.message).toBe(
      'cannot execute "/linked/file": permission denied by the folder "/bin", mode 700',
    );
    expect(status(path)).toBeUndefined();
    expect(foreseeExec(root, request(path), { ...SOMEBODY, passesAll: true })).toBeUndefined();
    chmodSync(join(root, 'bin'), 0o701);
    expect(status(path, 1000)).toBeUndefined();
    chmodSync(root, 0o700);
    expect(foreseeExec(root, request(path), SOMEBODY)?.message).toContain('the folder "/"');
  });

  it('knows what is longer than the kernel passes on', () => {
    const path = program('file', '#!/bin/sh\n');
    const environment = { BIG: 'x'.repeat(131_072) };
    const refused = foreseeExec(root, { ...request(path), environment }, SOMEBODY);

    expect(refused).toMatchObject({ status: 126 });
    expect(refused?.message).toContain('the variable "BIG" is longer than 128 KiB');
  });
});

describe('foreseeEntry()', () => {
  const enter = (workingDir: string, uid: number): string | undefined =>
    foreseeEntry(root, { app: 'web', workingDir }, { ...SOMEBODY, uid })?.message;

  it('knows who may enter a folder', () => {
    mkdirSync(join(root, 'private'), { mode: 0o700 });

    expect(enter('/private', 0)).toBeUndefined();
    expect(enter('/', 1000)).toBeUndefined();
    expect(enter('/private', 1000)).toBe(
      'cannot run app "web" in "/private": permission denied by the folder "/private", mode 700',
    );
    chmodSync(root, 0o700);
    expect(enter('/', 1000)).toContain('the folder "/", mode 700');
  });
});
