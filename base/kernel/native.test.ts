import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeExec } from '../exec/node-exec.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'native-'));
  const addon = join(dir, `node_modules/@koromix/koffi-linux-${process.arch}`);
  mkdirSync(join(addon, `linux_${process.arch}`), { recursive: true });
  writeFileSync(join(addon, 'package.json'), '{}');
  writeFileSync(join(addon, `linux_${process.arch}`, 'koffi.node'), 'somebody else’s');
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

it('loads no code from where the caller stands', async () => {
  const kernel = join(import.meta.dirname, 'native.ts');
  const call = `import { callLibc } from ${JSON.stringify(kernel)}; console.log(callLibc('int getppid()', [], 'ask'))`;
  const argv = [process.execPath, '--input-type=module', '--eval', call] as const;
  const result = await nodeExec.run({ argv, env: {}, cwd: dir });

  expect(result.stderr).toBe('');
  expect(result.stdout.toString()).toBe(`${process.pid}\n`);
});
