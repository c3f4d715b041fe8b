import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { refuseTerminal, writeTarget } from './write-target.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'write-target-'));
  path = join(dir, 'a.tar');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

async function* chunks(...texts: readonly string[]): AsyncGenerator<Buffer, void, undefined> {
  for (const text of texts) {
    await Promise.resolve();
    if (text === 'fail') throw new Error('failed');
    yield Buffer.from(text);
  }
}

describe('writeTarget()', () => {
  it.each([['fail'], ['a', 'fail']])('leaves nothing of what fails: %j', async (...texts) => {
    await expect(writeTarget({ path }, chunks(...texts))).rejects.toThrow('failed');
    // What opens a file late would make it by now.
    await sleep(50);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('does not ask for the first chunk of what may not be written', async () => {
    writeFileSync(path, 'mine');
    await expect(writeTarget({ path }, chunks('fail'))).rejects.toMatchObject({
      code: 'TARGET_EXISTS',
    });
    await writeTarget({ path, overwrite: true }, chunks('a', 'b'));
    expect(readFileSync(path, 'utf8')).toBe('ab');
  });

  it('stops when nobody reads any more', async () => {
    const written: string[] = [];
    const write = (bytes: Uint8Array): boolean => written.push(Buffer.from(bytes).toString()) < 2;
    await writeTarget({ write }, chunks('a', 'b', 'fail'));
    expect(written).toEqual(['a', 'b']);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('takes away what %s breaks off', async (signal) => {
    const code = `import { writeTarget } from '${join(import.meta.dirname, 'write-target.ts')}';
      async function* chunks() {
        yield Buffer.from('a');
        process.stdout.write('begun');
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      }
      await writeTarget({ path: '${path}' }, chunks());`;
    const child = nodeExec.stream({
      argv: [process.execPath, '--input-type=module', '--eval', code],
      env: {},
    });
    await once(child.stdout, 'data');
    expect(readdirSync(dir)).toHaveLength(1);
    child.kill(signal);
    expect(await child.ended).toMatchObject({ exitCode: undefined, signal });
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('refuseTerminal()', () => {
  it('refuses terminals alone', () => {
    expect(() => refuseTerminal(true)).toThrow('cannot write an archive to the terminal');
    expect(() => refuseTerminal(false)).not.toThrow();
  });
});
