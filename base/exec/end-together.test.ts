import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ENDING_TOGETHER } from './end-together.ts';
import { nodeExec } from './node-exec.ts';

const env = { PATH: '/usr/bin:/bin' };

describe('ENDING_TOGETHER', () => {
  it('ends a program when the one that started it is killed', async () => {
    const program = [...ENDING_TOGETHER, 'sleep', '20'].join(' ');
    const parent = nodeExec.stream({
      argv: ['sh', '-c', `${program} & echo started; wait`],
      env,
    });
    await once(parent.stdout, 'data');
    // Until it has said with whom it ends.
    await sleep(200);
    parent.kill('SIGKILL');
    // The program has the same streams: they are closed when both have ended.
    const { durationMs } = await parent.ended;

    expect(durationMs).toBeLessThan(10_000);
  });
});
