import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { demandWorkingDirectory } from './working-directory.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'root-'));
  mkdirSync(join(root, 'srv'));
  writeFileSync(join(root, 'file'), '');
  symlinkSync('/srv', join(root, 'link'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const demand = (workingDir: string): unknown => {
  try {
    demandWorkingDirectory(root, { app: 'web', workingDir });
    return undefined;
  } catch (error) {
    return error;
  }
};

describe('demandWorkingDirectory()', () => {
  it.each(['/', '/srv', '/link', '/link/../srv'])('is content with %s', (path) => {
    expect(demand(path)).toBeUndefined();
  });

  it.each(['/none', '/file', '/file/below', '/tmp'])('refuses %s', (path) => {
    expect(isGantryError(demand(path), 'APP_WORKING_DIR_MISSING')).toBe(true);
  });
});
