import { describe, expect, it } from 'vitest';
import { demandSuccess, exitStatusOf, nodeExec } from './node-exec.ts';

const env = { PATH: '/usr/bin:/bin' };

describe('nodeExec.run()', () => {
  it('collects output and exit code', async () => {
    const result = await nodeExec.run({
      argv: ['sh', '-c', 'cat; echo e >&2; exit 3'],
      env,
      input: 'in',
    });

    expect(result.stdout.toString()).toBe('in');
    expect(result.stderr).toBe('e\n');
    expect(result.exitCode).toBe(3);
  });

  it('inherits no environment by accident', async () => {
    const result = await nodeExec.run({ argv: ['env'], env: { PATH: '/usr/bin:/bin', A: 'b' } });

    expect(result.stdout.toString().split('\n').sort().filter(Boolean)).toEqual([
      'A=b',
      'PATH=/usr/bin:/bin',
    ]);
  });

  it('names a program that is not there', async () => {
    await expect(nodeExec.run({ argv: ['/no/such'], env })).rejects.toThrow(
      'cannot start "/no/such": no such program',
    );
  });

  it('stops politely, then surely', async () => {
    const argv = ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'] as const;
    const result = await nodeExec.run({ argv, env, timeoutMs: 100, killAfterMs: 100 });

    expect(result).toMatchObject({ timedOut: true, forced: true, signal: 'SIGKILL' });
  });

  it('ends what the program started, when asked', async () => {
    const argv = ['sh', '-c', 'sleep 30; true'] as const;
    const result = await nodeExec.run({ argv, env, timeoutMs: 100, wholeGroup: true });

    expect(result).toMatchObject({ timedOut: true, forced: false, signal: 'SIGTERM' });
    expect(result.durationMs).toBeLessThan(2000);
  });

  it('waits for nobody who left the session with a stream in his hands', async () => {
    const argv = ['sh', '-c', 'setsid sleep 5 & exec sleep 30'] as const;
    const limits = { timeoutMs: 100, killAfterMs: 100, wholeGroup: true };
    const result = await nodeExec.run({ argv, env, ...limits });

    expect(result.timedOut).toBe(true);
    expect(result.durationMs).toBeLessThan(3000);
  });

  it('ends at once when the abort came first', async () => {
    const signal = AbortSignal.abort();
    const result = await nodeExec.run({ argv: ['sleep', '30'], env, signal });

    expect(result.signal).toBe('SIGTERM');
  });

  it('ends a program that prints too much', async () => {
    const result = await nodeExec.run({ argv: ['yes'], env, maxOutput: 1000 });

    expect(result.overflowed).toBe(true);
  });
});

describe('nodeExec.runSync()', () => {
  it('gives the same shape', () => {
    const result = nodeExec.runSync({ argv: ['sh', '-c', 'kill -9 $$'], env });

    expect(result.signal).toBe('SIGKILL');
    expect(exitStatusOf(result)).toBe(137);
    expect(() => demandSuccess(result, 'try')).toThrow('cannot try: "sh" was ended by SIGKILL');
  });
});

describe('nodeExec.stream()', () => {
  it('streams both ways', async () => {
    const program = nodeExec.stream({ argv: ['cat'], env });
    program.stdin.end('hello');
    let text = '';
    for await (const chunk of program.stdout) text += String(chunk);

    expect(text).toBe('hello');
    expect((await program.ended).exitCode).toBe(0);
  });
});
