import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { GantryError } from './gantry-error.ts';
import { obstacleOf } from './obstacle.ts';

function failureOf(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

describe('obstacleOf()', () => {
  it('knows what the machine has against a system call', () => {
    const full = failureOf(() => writeFileSync('/dev/full', 'x'));
    const long = failureOf(() => mkdirSync(`/tmp/${'x'.repeat(300)}`));

    expect(obstacleOf(full)?.state).toBe('no space left on the file system');
    expect(obstacleOf(full)?.hint).toContain('gantry image gc');
    expect(obstacleOf(long)?.state).toBe('the name is too long');
  });

  it.each(['EACCES', 'EPERM'])('hints at root for %s only who is not', (code) => {
    const error = Object.assign(new Error(code), { code });
    const geteuid = vi.spyOn(process, 'geteuid');
    try {
      geteuid.mockReturnValue(0);
      expect(obstacleOf(error)?.hint).toBeUndefined();
      geteuid.mockReturnValue(1000);
      expect(obstacleOf(error)?.hint).toContain('run it as root');
    } finally {
      geteuid.mockRestore();
    }
  });

  it('says nothing of bugs, of errors of ours, and of what is no error', () => {
    expect(obstacleOf(failureOf(() => mkdirSync('/nothing/here')))).toBeUndefined();
    expect(obstacleOf(new GantryError('ENOSPC', 'cannot'))).toBeUndefined();
    expect(obstacleOf({ code: 'constructor' })).toBeUndefined();
    expect(obstacleOf(undefined)).toBeUndefined();
  });
});
