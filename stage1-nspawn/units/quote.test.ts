import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  commandLine,
  formatEnvironmentFile,
  isPassable,
  parseEnvironmentFile,
  plainValue,
} from './quote.ts';

/** Text that a manifest may hold: no NUL, well-formed. */
const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'));
const nasty = fc.string({
  unit: fc.constantFrom('"', "'", '\\', '%', '$', ' ', '\n', '\t', ';', '{', '}', 'a', '\x7f', 'é'),
});
const word = fc.oneof(text, nasty);

/**
 * A command line as systemd reads it: words in double quotes with C escapes
 * (extract_first_word), then specifiers (%% is %). `$` stays, by the prefix ":".
 */
function systemdWords(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"(?: |$)/gs)].map(([, inner = '']) =>
    inner
      .replace(/\\(x[0-9a-f]{2}|u[0-9a-f]{4}|.)/gs, (_all, escape: string) =>
        /^[xu]/.test(escape) ? String.fromCodePoint(Number.parseInt(escape.slice(1), 16)) : escape,
      )
      .replaceAll('%%', '%'),
  );
}

describe('commandLine()', () => {
  it('hands every word over as it is', () => {
    fc.assert(
      fc.property(fc.array(word), (args) => {
        const line = commandLine({ path: '/bin/x', argv: ['x', ...args] });
        expect(systemdWords(line)).toEqual([':@/bin/x', 'x', ...args]);
      }),
    );
  });

  it('writes one line without a lone specifier', () => {
    fc.assert(
      fc.property(word, (arg) => {
        const line = commandLine({ path: '/bin/x', argv: ['x', arg] });
        expect(line).not.toMatch(/[\p{Cc}]/u);
        expect(line.replaceAll('%%', '')).not.toContain('%');
      }),
    );
  });

  it('puts the prefix first', () => {
    expect(commandLine({ prefix: '!', path: '/a b', argv: ['c'] })).toBe('"!:@/a b" "c"');
  });

  it.each(['/a"b', "/a'b", '/a\\b', '/a\nb'])('refuses the path %j, as systemd would', (path) => {
    expect(() => commandLine({ path, argv: ['x'] })).toThrow(/no program with quotes/);
  });

  it('refuses a line that systemd would cut', () => {
    expect(() => commandLine({ path: '/x', argv: ['x', 'a'.repeat(1_048_576)] })).toThrow(
      /longer than/,
    );
  });
});

describe('formatEnvironmentFile()', () => {
  it('is read back as it was', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[A-Z_]+$/), word), (environment) => {
        const plain = { ...environment };
        expect(parseEnvironmentFile(formatEnvironmentFile(plain))).toEqual(plain);
      }),
    );
  });

  it('escapes what means something within double quotes, and nothing else', () => {
    expect(formatEnvironmentFile({ A: 'a"b\\c`d$e%f\n' })).toBe('A="a\\"b\\\\c\\`d\\$e%f\n"\n');
  });
});

describe('isPassable()', () => {
  it('accepts what a shell could have', () => {
    expect(isPassable('A_1', 'any thing\tor\nother é')).toBe(true);
  });

  it.each([
    ['a.b', 'x'],
    ['a-b', 'x'],
    ['1a', 'x'],
    ['A', '\u001b[1m'],
    ['A', 'a\rb'],
  ])('rejects %s=%j', (name, value) => {
    expect(isPassable(name, value)).toBe(false);
  });
});

describe('plainValue()', () => {
  it('keeps specifiers from meaning anything', () => {
    expect(plainValue('100% %n', 'description')).toBe('100%% %%n');
  });

  it.each(['a\nb', ' a', 'a ', 'a\\'])('rejects %j', (value) => {
    expect(() => plainValue(value, 'working directory')).toThrow(
      /^cannot write the working directory into a unit/,
    );
  });
});
