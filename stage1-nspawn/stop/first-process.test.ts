import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { haltRequest } from './first-process.ts';

const NSPAWN = 100;
const CHILDREN = `${NSPAWN}/task/${NSPAWN}/children`;
/** The bit of signal 37. */
const LISTENS = '0000001000000000';
const DEAF = '0000000000000000';

let proc: string;
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'proc-'));
});
afterEach(() => rmSync(proc, { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(proc, path)), { recursive: true });
  writeFileSync(join(proc, path), text);
}

const status = (pids: string, caught: string): string =>
  `Name:\tsystemd\nNSpid:\t${pids}\nSigBlk:\t${DEAF}\nSigCgt:\t${caught}\n`;

describe('haltRequest()', () => {
  it('goes to PID 1 once that listens', () => {
    put(CHILDREN, '101 102 \n');
    put('101/status', status('101', LISTENS));
    put('102/status', status('102\t1', DEAF));
    expect(haltRequest(NSPAWN, proc)).toBeUndefined();

    put('102/status', status('102\t1', LISTENS));
    expect(haltRequest(NSPAWN, proc)).toEqual({ pid: 102, signal: 37 });
  });

  it('waits as long as nspawn has no child, or one that has just ended', () => {
    put(CHILDREN, '');
    expect(haltRequest(NSPAWN, proc)).toBeUndefined();

    put(CHILDREN, '101 ');
    expect(haltRequest(NSPAWN, proc)).toBeUndefined();
  });

  it('goes to nspawn where the kernel tells of no children', () => {
    put(`${NSPAWN}/task/${NSPAWN}/status`, status('100', DEAF));

    expect(haltRequest(NSPAWN, proc)).toEqual({ pid: NSPAWN, signal: 15 });
  });

  it('goes nowhere when nspawn has ended', () => {
    expect(haltRequest(NSPAWN, proc)).toBeUndefined();
  });
});
