import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { requires } from '../helpers/requires.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mounts-'));
  for (const name of ['lower', 'lower/below', 'target']) mkdirSync(join(dir, name));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** Runs statements in a process and a mount namespace of their own, with `k`, `fs`, `dir` and a tmpfs on lower and one below it. */
async function inNamespace(statements: string): Promise<string> {
  const program = `
    import { linuxKernel as k } from '#base/kernel/linux-kernel';
    import { CLONE, MS } from '#base/kernel/kernel';
    import { removePath } from '#base/fs/remove-path';
    import fs from 'node:fs';
    const dir = ${JSON.stringify(dir)};
    const removed = (path) => { try { removePath(dir + path, { recursive: true }); return 'gone'; } catch (error) { return error.code; } };
    const wrote = (path) => { try { fs.writeFileSync(dir + path, ''); return 'rw'; } catch (error) { return error.code; } };
    k.unshare(CLONE.NEWNS);
    k.setMountAttributes('/', { propagation: MS.PRIVATE, recursive: true });
    k.mount({ source: 'tmpfs', target: dir + '/lower', fstype: 'tmpfs' });
    fs.mkdirSync(dir + '/lower/below');
    k.mount({ source: 'tmpfs', target: dir + '/lower/below', fstype: 'tmpfs', flags: MS.NODEV });
    ${statements}`;
  const result = await nodeExec.run({
    argv: [process.execPath, '--input-type=module', '-e', program],
    env: { PATH: '/usr/bin:/bin' },
  });
  demandSuccess(result, 'run statements in a mount namespace');

  return result.stdout.toString();
}

describe.runIf(requires('root', 'mount-namespace'))('linuxKernel, in a mount namespace', () => {
  it('makes a whole tree of mounts read-only and keeps their other attributes', async () => {
    const output = await inNamespace(`
      k.setMountAttributes(dir + '/lower', { readOnly: true, recursive: true });
      const line = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\\n').find((l) => l.includes('/lower/below'));
      console.log(wrote('/lower/f'), wrote('/lower/below/f'), line.includes('nodev'));
      k.setMountAttributes(dir + '/lower/below', { readOnly: false });
      console.log(wrote('/lower/f'), wrote('/lower/below/f'));`);

    expect(output).toBe('EROFS EROFS true\nEROFS rw\n');
  });

  it('tells why a file or a folder cannot be removed', async () => {
    const output = await inNamespace(`
      fs.mkdirSync(dir + '/lower/folder');
      fs.writeFileSync(dir + '/lower/folder/file', '');
      k.setMountAttributes(dir + '/lower', { readOnly: true, recursive: true });
      console.log(removed('/lower/folder/file'), removed('/lower/folder'));
      k.setMountAttributes(dir + '/lower', { readOnly: false, recursive: true });
      console.log(removed('/lower/folder/file'), removed('/lower/folder'));`);

    expect(output).toBe('EROFS EROFS\ngone gone\n');
  });

  it('attaches a copy of a tree of mounts', async () => {
    const output = await inNamespace(`
      fs.writeFileSync(dir + '/lower/below/f', '');
      const tree = k.cloneTree(dir + '/lower', true);
      k.attachTree(tree, dir + '/target');
      console.log(fs.existsSync(dir + '/target/below/f'));`);

    expect(output).toBe('true\n');
  });
});
