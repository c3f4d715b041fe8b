import { describe, expect, it } from 'vitest';
import { COMMANDS } from './command-table.ts';

describe('COMMANDS', () => {
  it('let a pod be named by a file wherever they take one', async () => {
    const taking: string[] = [];
    for (const entry of COMMANDS) {
      const { name, hidden } = entry;
      const { help } = (await entry.load()).command;
      if (!help.usage.includes('UUID') || hidden === true) continue;
      taking.push(name);
      expect(Object.keys(help.options), name).toContain('uuid-file');
      expect(help.usage, name).toContain('--uuid-file=FILE');
    }

    expect(taking).toEqual(expect.arrayContaining(['enter', 'run-prepared', 'status', 'stop']));
  });
});
