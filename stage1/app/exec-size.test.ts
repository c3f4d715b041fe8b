import { describe, expect, it } from 'vitest';
import { tooLongToPass } from './exec-size.ts';

const LONGEST = 128 * 1024 - 1;

describe('tooLongToPass()', () => {
  it('names the argument or the variable that execve(2) refuses', () => {
    expect(tooLongToPass(['/bin/a', 'x'.repeat(LONGEST + 1)], {})).toContain('argument 1 ');
    expect(tooLongToPass(['/bin/a'], { A: '', BIG: 'ä'.repeat(LONGEST / 2) })).toContain('"BIG"');
  });

  it('lets pass what it takes', () => {
    const command = ['/bin/a', 'x'.repeat(LONGEST)];

    expect(tooLongToPass(command, { BIG: 'x'.repeat(LONGEST - 'BIG='.length) })).toBeUndefined();
  });
});
