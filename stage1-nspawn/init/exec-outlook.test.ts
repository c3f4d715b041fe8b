import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { foreseeExec } from './exec-outlook.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'root-'));
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
const status = (path: string, uid = 0): number | undefined =>
  foreseeExec(root, path, { ...SOMEBODY, uid })?.status;

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
    const obstacle = foreseeExec(root, '/bin/node', SOMEBODY);

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
});
