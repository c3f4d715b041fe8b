import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import type { RunningProgram } from '#base/exec/exec';
import { join } from 'node:path';
import { type CniBench, createCniBench, networkOf, parametersOf } from '../helpers/cni-bench.ts';

const ACTOR = join(import.meta.dirname, '../doubles/cni-actor.ts');

let bench: CniBench;
beforeEach(() => {
  bench = createCniBench();
});
afterEach(() => {
  bench[Symbol.dispose]();
});

function startActor(action: string, network: string, ...rest: readonly string[]): RunningProgram {
  const argv = [ACTOR, bench.plugins.dir, bench.stateDir, action, network, ...rest];

  return nodeExec.stream({ argv: [process.execPath, ...argv], env: { PATH: '/usr/bin:/bin' } });
}

async function outputOf(actor: RunningProgram): Promise<readonly string[]> {
  let text = '';
  for await (const chunk of actor.stdout) text += String(chunk);
  const { exitCode, stderr } = await actor.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });

  return text.trim().split('\n').slice(1);
}

describe('cni, by several processes', () => {
  it('attaches, detaches and collects without one being in the way of another', async () => {
    // A plugin that finds out whether GC runs beside ADD or DEL, with lock files of its own.
    const enter = 'mkdir "$here/in.$$"';
    const leave = 'rmdir "$here/in.$$"';
    const look = 'ls -d "$here"/in.* 2>/dev/null && echo "GC beside others" >>"$here/faults"';
    bench.plugins.install('net', {
      ADD: `${enter}; sleep 0.02; ${leave}`,
      DEL: `${enter}; sleep 0.02; ${leave}`,
      GC: `${look}; sleep 0.02; ${look}`,
    });
    const comers = ['a', 'b', 'c'].map((name) => startActor('come-and-go', 'net', name, '8'));
    const collectors = [1, 2].map(() => startActor('collect', 'net', '', '6'));
    const said = await Promise.all([...comers, ...collectors].map(outputOf));

    expect(
      said
        .slice(3)
        .flat()
        .every((line) => line.startsWith('0 ')),
    ).toBe(true);
    const { stdout } = await nodeExec.run({
      argv: ['sh', '-c', 'cat faults 2>/dev/null; ls -d in.* 2>/dev/null; true'],
      cwd: bench.plugins.dir,
      env: { PATH: '/usr/bin:/bin' },
    });
    expect(stdout.toString()).toBe('');
    expect(bench.cni.attachments()).toEqual({ attachments: [], lost: [] });
  });

  it('ends what a killed client left running before it detaches', async () => {
    const taken = join(bench.dir, 'taken');
    bench.plugins.install('net', {
      ADD: `(sleep 2; : >'${taken}') & wait`,
      DEL: `rm -f '${taken}'`,
    });
    const actor = startActor('attach', 'net', 'killed');
    await expect.poll(() => bench.plugins.callNames(), { timeout: 20_000 }).toEqual(['net ADD']);
    actor.kill('SIGKILL');
    await actor.ended;
    expect(bench.cni.attachments().attachments).toMatchObject([{ state: 'attaching' }]);
    const report = await bench.cni.collect({
      networks: [networkOf('net', ['net'])],
      valid: () => [],
    });

    expect(report).toMatchObject({ detached: [{}], failures: [] });
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const { exitCode } = await nodeExec.run({
      argv: ['test', '-e', taken],
      env: { PATH: '/usr/bin' },
    });
    expect(exitCode).toBe(1);
    await bench.cni.attach({
      network: networkOf('other', ['net']),
      parameters: parametersOf('killed-0'),
    });
  });
});
