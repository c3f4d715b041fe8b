import { describe, expect, it } from 'vitest';
import { parseJournalLine } from './journal.ts';

const APPS = ['web', 'db'];
const BASE = { __CURSOR: 's=1;i=2', __REALTIME_TIMESTAMP: '1795320955191562' };
const line = (fields: object): string => JSON.stringify({ ...BASE, ...fields });

describe('parseJournalLine()', () => {
  it('reads what an app said', () => {
    const entry = parseJournalLine(
      line({ SYSLOG_IDENTIFIER: 'web', _SYSTEMD_UNIT: 'web.service', MESSAGE: 'hello' }),
      APPS,
    );

    expect(entry).toMatchObject({ app: 'web', cursor: 's=1;i=2', ending: '\n' });
    expect(entry?.timeUs).toBe(1795320955191562n);
    expect(Buffer.from(entry?.message ?? []).toString()).toBe('hello');
  });

  it('reads bytes that are no text, and lines that go on', () => {
    const entry = parseJournalLine(
      line({ SYSLOG_IDENTIFIER: 'db', MESSAGE: [0, 255, 27], _LINE_BREAK: 'line-max' }),
      APPS,
    );

    expect(entry).toMatchObject({ app: 'db', ending: '' });
    expect([...(entry?.message ?? [])]).toEqual([0, 255, 27]);
  });

  it('tells NUL from the end of a line', () => {
    const entry = parseJournalLine(
      line({ SYSLOG_IDENTIFIER: 'db', MESSAGE: 'x', _LINE_BREAK: 'nul' }),
      APPS,
    );

    expect(entry).toMatchObject({ ending: '\0' });
  });

  it('does not let an app speak for another', () => {
    const forged = line({ SYSLOG_IDENTIFIER: 'web', _SYSTEMD_UNIT: 'db.service', MESSAGE: 'x' });

    expect(parseJournalLine(forged, APPS)?.app).toBe('db');
  });

  it.each([
    ['an empty line', ''],
    ['a line that was cut off', '{"__CURSOR":"s'],
    ['no object', '[1]'],
    ['null', 'null'],
    ['somebody else’s', line({ SYSLOG_IDENTIFIER: 'systemd-journald', MESSAGE: 'started' })],
    ['no message', line({ SYSLOG_IDENTIFIER: 'web', MESSAGE: null })],
    ['a message of something else', line({ SYSLOG_IDENTIFIER: 'web', MESSAGE: [{}] })],
    ['no time', line({ SYSLOG_IDENTIFIER: 'web', MESSAGE: 'x', __REALTIME_TIMESTAMP: 'soon' })],
  ])('takes no entry from %s', (_what, text) => {
    expect(parseJournalLine(text, APPS)).toBeUndefined();
  });
});
