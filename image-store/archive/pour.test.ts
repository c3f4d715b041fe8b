import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { pour } from './pour.ts';
import { release } from './release.ts';

async function* chunks(
  count: number,
  made: Buffer[] = [],
): AsyncGenerator<Buffer, void, undefined> {
  for (let index = 0; index < count; index += 1) {
    const chunk = Buffer.allocUnsafeSlow(1000).fill(index);
    made.push(chunk);
    yield chunk;
  }
}

describe('pour()', () => {
  it('writes everything, waits for a slow stream, and gives the memory back', async () => {
    const made: Buffer[] = [];
    let sum = 0;
    let most = 0;
    const sink = new Writable({
      highWaterMark: 3000,
      write(chunk: Buffer, _encoding, done) {
        most = Math.max(most, made.length - sum / 1000);
        sum += chunk.length;
        setImmediate(done);
      },
    });

    await pour(chunks(50, made), sink);

    expect(sum).toBe(50_000);
    expect(most).toBeLessThanOrEqual(4);
    expect(made.every(({ buffer }) => buffer.byteLength === 0)).toBe(true);
  });

  it('ends with what the stream fails with, at once or late', async () => {
    for (const limit of [0, 10, 49]) {
      let written = 0;
      const sink = new Writable({
        highWaterMark: 3000,
        write(_chunk, _encoding, done) {
          written += 1;
          setImmediate(done, written > limit ? new Error('full') : null);
        },
      });
      sink.on('error', () => {});

      await expect(pour(chunks(50), sink)).rejects.toThrow('full');
    }
  });

  it('ends when the stream fails at its end', async () => {
    const sink = new Writable({
      write: (_chunk, _encoding, done) => done(),
      final: (done) => done(new Error('no sync')),
    });
    sink.on('error', () => {});

    await expect(pour(chunks(1), sink)).rejects.toThrow('no sync');
  });

  it('ends when the stream is destroyed by somebody else', async () => {
    const sink = new Writable({ highWaterMark: 1, write: () => {} });
    setTimeout(() => sink.destroy(), 10);

    await expect(pour(chunks(5), sink)).rejects.toThrow(/destroyed/);
  });

  it('destroys the stream when the chunks fail', async () => {
    async function* failing(): AsyncGenerator<Buffer, void, undefined> {
      yield* chunks(2);
      throw new Error('gone');
    }
    const sink = new Writable({ write: (_chunk, _encoding, done) => done() });

    await expect(pour(failing(), sink)).rejects.toThrow('gone');
    expect(sink.destroyed).toBe(true);
  });
});

describe('release()', () => {
  it('leaves memory alone that others may use', () => {
    const whole = Buffer.allocUnsafeSlow(100);
    const pooled = Buffer.from('hello');
    release(whole.subarray(0, 50));
    release(whole.subarray(50));
    release(pooled);

    release(Buffer.from(pooled.buffer), { isLast: true });

    expect(whole.buffer.byteLength).toBe(100);
    expect(pooled.toString()).toBe('hello');
  });

  it('gives back memory that is a buffer\u2019s own, or of which it is the last part', () => {
    const own = Buffer.allocUnsafeSlow(100);
    const shared = Buffer.allocUnsafeSlow(100);
    release(own);
    release(shared.subarray(50), { isLast: true });

    expect(own.buffer.byteLength).toBe(0);
    expect(shared.buffer.byteLength).toBe(0);
  });
});
