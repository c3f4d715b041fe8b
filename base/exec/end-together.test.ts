import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ENDING_TOGETHER } from './end-together.ts';
import { nodeExec } from './node-exec.ts';

const env = { PATH: '/usr/bin:/bin' };

describe('ENDING_TOGETHER', () => {
  it('ends a program when the one that started it is killed', async () => {
    const command = [...ENDING_TOGETHER, 'sleep', '60'].join(' ');
    const parent = nodeExec.stream({ argv: ['sh', '-c', `${command} & echo $!; wait`], env });
    const [pid] = await new Promise<string[]>((resolve) => {
      parent.stdout.once('data', (text: Buffer) => resolve(text.toString().split('\n')));
    });
    // The program has the streams as well: they are closed when both have ended.
    await sleep(100);
    parent.kill('SIGKILL');
    await parent.ended;

    expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
  });
});
