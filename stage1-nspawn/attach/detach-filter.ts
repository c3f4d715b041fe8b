import { Transform, type TransformCallback } from 'node:stream';

/**
 * Passes on what is typed until the keys that leave come in a row. What may be
 * the beginning of them is held back until it is clear.
 * @param keys none when empty
 * @param leave called once; nothing is passed on afterwards
 */
export function detachFilter(keys: Uint8Array, leave: () => void): Transform {
  const pending: number[] = [];
  let left = false;
  const take = (chunk: Uint8Array): Buffer => {
    const passed: number[] = [];
    for (const byte of chunk) {
      pending.push(byte);
      while (!begins(keys, pending)) passed.push(pending.shift() ?? 0);
      left = keys.length > 0 && pending.length === keys.length;
      if (left) break;
    }
    return Buffer.from(passed);
  };

  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      if (left) return done();
      done(null, take(chunk));
      if (left) leave();
    },
    flush(done) {
      // No more keys will come.
      done(null, left ? undefined : Buffer.from(pending));
    },
  });
}

const begins = (keys: Uint8Array, typed: readonly number[]): boolean =>
  typed.every((byte, at) => byte === keys[at]);
