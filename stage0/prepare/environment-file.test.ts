import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEnvironmentFiles } from './environment-file.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'env-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function file(name: string, text: string): string {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
}

describe('readEnvironmentFiles()', () => {
  it('reads assignments, and passes over comments and blank lines', () => {
    const path = file(
      'a',
      '# comment\n; comment\n\n  \nA=1\nB=x=y # no comment\n C=  spaced \nD=\r\n',
    );

    expect(readEnvironmentFiles([path, file('b', 'E=2\n')])).toEqual({
      A: '1',
      B: 'x=y # no comment',
      C: '  spaced ',
      D: '',
      E: '2',
    });
  });

  it.each([
    ['A', 'not NAME=VALUE'],
    ['=x', '"" is no name of a variable'],
    ['1A=x', '"1A" is no name of a variable'],
    ['A=\0', 'it holds a zero byte'],
    ['A=1\nA=2', '"A" is set twice'],
  ])('rejects %j', (text, message) => {
    expect(() => readEnvironmentFiles([file('a', text)])).toThrow(message);
  });

  it('rejects a name in two files, and a file that is not there', () => {
    const twice = [file('a', 'A=1'), file('b', 'A=1')];

    expect(() => readEnvironmentFiles(twice)).toThrow('"A" is set twice');
    expect(() => readEnvironmentFiles(['/no/such'])).toThrow('"/no/such": no such file');
    const latin1 = file('b', '');
    writeFileSync(latin1, Buffer.from('A=\xe4', 'latin1'));
    expect(() => readEnvironmentFiles([latin1])).toThrow('it is not UTF-8');
    expect(() => readEnvironmentFiles(['/dev/zero'])).toThrow('"/dev/zero": it has more than');
  });
});
