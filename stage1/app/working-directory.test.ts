import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { demandWorkingDirectory, makeWorkingDirectory } from './working-directory.ts';

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
  it('names one that no directory can be called', () => {
    const workingDir = `/${'x'.repeat(300)}`;
    const message = `cannot run app "web" in "${workingDir}": the name is too long`;

    expect(() => demandWorkingDirectory(root, { app: 'web', workingDir })).toThrow(message);
    expect(() => makeWorkingDirectory(root, { app: 'web', workingDir })).toThrow(message);
  });

  it.each(['/', '/srv', '/link', '/link/../srv'])('is content with %s', (path) => {
    expect(demand(path)).toBeUndefined();
  });

  it.each(['/none', '/file', '/file/below', '/tmp'])('refuses %s', (path) => {
    expect(isGantryError(demand(path), 'APP_WORKING_DIR_MISSING')).toBe(true);
  });
});

describe('makeWorkingDirectory()', () => {
  it.each([
    ['/none/below', 'none/below'],
    ['/link/new', 'srv/new'],
    ['/../../out', 'out'],
    ['/srv', 'srv'],
  ])('makes %s inside the root, whatever the umask', (workingDir, made) => {
    const umask = process.umask(0o077);
    try {
      makeWorkingDirectory(root, { app: 'web', workingDir });
    } finally {
      process.umask(umask);
    }

    expect(statSync(join(root, made)).mode & 0o777).toBe(0o755);
    expect(readdirSync(join(root, '..'))).not.toContain('out');
  });

  it.each(['/file', '/file/below'])('refuses %s', (workingDir) => {
    expect(() => makeWorkingDirectory(root, { app: 'web', workingDir })).toThrow(
      expect.objectContaining({ code: 'APP_WORKING_DIR_MISSING' }),
    );
  });
});
