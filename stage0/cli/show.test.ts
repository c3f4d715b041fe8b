import { assert, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProgressEvent } from '#base/log/log';
import { parseInsecureOptions } from './insecure-options.ts';
import { acceptanceJson, formatJson, nanoseconds, readFormat } from './json.ts';
import { openLines } from './progress-lines.ts';
import { amountText, rateText, timeLeftText } from './progress-text.ts';
import { printable, printableLines } from './printable.ts';
import { formatTable } from './table.ts';
import { formatBytes, formatSeconds, formatTime } from './units.ts';

describe('formatTable()', () => {
  it('lines cells up and leaves no blanks at the end', () => {
    expect(
      formatTable([
        ['A', 'LONG', ''],
        ['long', 'x', 'end'],
        ['', '', ''],
      ]),
    ).toBe('A     LONG\nlong  x     end\n\n');
    expect(formatTable([])).toBe('');
  });

  it('shows control characters instead of sending them to a terminal', () => {
    expect(formatTable([['a\u001b[2Jb\nc\u202e']])).toBe('a\\x1b[2Jb\\x0ac\\x202e\n');
  });
});

describe('printable()', () => {
  it('shows what would do something to a terminal, and leaves lines of text as lines when asked', () => {
    expect(printable('a\tb\n\u009b2J')).toBe('a\\x09b\\x0a\\x9b2J');
    expect(printableLines('a\tb\n\r\u009b2J é☃')).toBe('a\tb\n\\x0d\\x9b2J é☃');
  });
});

describe('formatBytes()', () => {
  it.each([
    [0, '0B'],
    [999, '999B'],
    [1000, '1KiB'],
    [1536, '1.5KiB'],
    [34 * 1024 ** 2, '34MiB'],
    [1023 * 1024, '1MiB'],
    [5 * 1024 ** 5, '5PiB'],
  ])('shows %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('never takes more than seven characters', () => {
    assert(property(nat(Number.MAX_SAFE_INTEGER), (bytes) => formatBytes(bytes).length <= 7));
  });
});

describe('formatSeconds()', () => {
  it.each([
    [0, '0s'],
    [59.4, '59s'],
    [200, '3m20s'],
    [3900, '1h05m'],
  ])('shows %d as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});

describe('formatTime()', () => {
  it('writes what reads back as the same moment', () => {
    const now = 1_795_318_647_120;
    const text = formatTime(now);

    expect(text).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.12 [+-]\d{4} \S+$/);
    expect(Date.parse(text.replace(/ \S+$/, '').replace(' ', 'T').replace(' ', ''))).toBe(now);
    expect(formatTime(now - 120)).not.toContain('.');
  });
});

describe('formatJson()', () => {
  it('has times in nanoseconds, exactly', () => {
    expect(formatJson({ at: nanoseconds(1_795_318_647_123) }, { pretty: false })).toBe(
      '{"at":1795318647123000000}\n',
    );
    expect(formatJson([1], { pretty: true })).toBe('[\n\t1\n]\n');
  });
});

describe('acceptanceJson()', () => {
  it('has its time as all others have it, and the rest as it was written', () => {
    const written = acceptanceJson({ how: 'insecure', time: 1_795_318_647_123 });

    expect(formatJson(written, { pretty: false })).toBe(
      '{"how":"insecure","time":1795318647123000000}\n',
    );
    expect(acceptanceJson({ how: 'builtin' })).toEqual({ how: 'builtin' });
    expect(acceptanceJson(undefined)).toBeUndefined();
  });
});

describe('readFormat()', () => {
  it('rejects what is no format', () => {
    expect(readFormat(undefined)).toBe('text');
    expect(() => readFormat('yaml')).toThrow(/unknown format "yaml"/);
  });
});

describe('parseInsecureOptions()', () => {
  it('adds words up and expands the groups', () => {
    expect(parseInsecureOptions(['image,ondisk', 'all-run'])).toEqual({
      image: true,
      tls: false,
      http: false,
      pubkey: false,
      capabilities: true,
      paths: true,
      seccomp: true,
    });
    expect(Object.values(parseInsecureOptions(['all']))).not.toContain(false);
    expect(Object.values(parseInsecureOptions(['none']))).not.toContain(true);
  });

  it.each(['', 'image,', 'IMAGE', 'constructor'])('rejects "%s"', (list) => {
    expect(() => parseInsecureOptions([list])).toThrow(/unknown word/);
  });
});

describe('openLines()', () => {
  const event = (done: number, finished = false): ProgressEvent => ({
    id: 'a',
    action: 'fetching',
    done,
    total: 100 * 1024,
    unit: 'bytes',
    finished,
  });

  it('writes a line every ten seconds and at the end', () => {
    let now = 0;
    const lines: string[] = [];
    const display = openLines(
      'gantry fetch',
      () => now,
      (line) => lines.push(line),
    );
    for (; now <= 25_000; now += 1000) display.show(event(now));
    display.show(event(100 * 1024, true));

    expect(lines).toEqual([
      'gantry fetch: fetching a: 9.8KiB of 100KiB, 1KiB/s\n',
      'gantry fetch: fetching a: 20KiB of 100KiB, 1KiB/s\n',
      'gantry fetch: fetching a: 100KiB of 100KiB, 3.8KiB/s, done\n',
    ]);
  });
});

describe('timeLeftText()', () => {
  const work = { id: 'a', action: 'fetching', unit: 'bytes' } as const;

  it('tells the time left when it can be known', () => {
    expect(timeLeftText({ ...work, done: 25, total: 100 }, 10)).toBe(', 30s left');
    expect(timeLeftText({ ...work, done: 25 }, 10)).toBe('');
    expect(timeLeftText({ ...work, done: 0, total: 100 }, 10)).toBe('');
    expect(timeLeftText({ ...work, done: 100, total: 100 }, 10)).toBe('');
  });

  it('goes with amount and rate in the unit of the work', () => {
    expect(amountText({ ...work, unit: 'entries', done: 5, total: 9 })).toBe('5 of 9 entries');
    expect(amountText({ ...work, done: 5 })).toBe('5B');
    expect(rateText({ ...work, unit: 'entries', done: 50 }, 10)).toBe(', 5/s');
    expect(rateText({ ...work, done: 50 }, 0)).toBe('');
  });
});
