import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';

let machine: PodContext;
beforeAll(() => {
  machine = createPodContext();
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
});

function put(path: string, document: object): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify({ rktVersion: 'v1', ...document }));
}

describe('gantry config', () => {
  it('prints what the directories amount to, without secrets unless asked', async () => {
    const auth = (password: string): object => ({
      rktKind: 'auth',
      domains: ['example.com'],
      type: 'basic',
      credentials: { user: 'me', password },
    });
    put(join(machine.systemConfig, 'auth.d/a.json'), auth('first'));
    put(join(machine.localConfig, 'auth.d/a.json'), auth('second'));
    put(join(machine.localConfig, 'stage1.d/a.json'), { rktKind: 'stage1', location: '/s.aci' });

    const shown = await machine.gantry(['config']);
    const secrets = await machine.gantry(['config', '--show-secrets', '--pretty-print=false']);

    expect(JSON.parse(shown.stdout.toString())).toEqual({
      stage0: [
        {
          rktVersion: 'v1',
          rktKind: 'auth',
          domains: ['example.com'],
          type: 'basic',
          credentials: { user: 'me', password: '***' },
        },
        { rktVersion: 'v1', rktKind: 'stage1', location: '/s.aci' },
      ],
    });
    expect(secrets.stdout.toString()).toContain('"password":"second"');
  });

  it('paths decide the data directory unless --dir does', async () => {
    const user = join(machine.dir, 'user');
    const data = join(machine.dir, 'elsewhere');
    put(join(user, 'paths.d/a.json'), { rktKind: 'paths', data });
    const [program] = machine.argv();
    const result = await nodeExec.run({
      argv: [program, `--user-config=${user}`, 'image', 'list'],
      env: { PATH: '/usr/bin:/bin' },
    });

    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    const listing = await nodeExec.run({ argv: ['ls', data], env: { PATH: '/usr/bin:/bin' } });
    expect(listing.stdout.toString()).toBe('cas\n');
  });

  it('names the file and the place of a mistake', async () => {
    const path = join(machine.localConfig, 'paths.d/bad.json');
    put(path, { rktKind: 'paths', data: 'relative' });
    const result = await machine.gantry(['config']);

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toContain(`"${path}": data: must be an absolute path`);
  });
});
