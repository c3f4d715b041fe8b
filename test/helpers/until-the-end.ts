import { afterAll } from 'vitest';

/** What is opened for the tests of a block, or of a file; it is closed after the last of them. */
export function untilTheEnd(): AsyncDisposableStack {
  const stack = new AsyncDisposableStack();
  afterAll(async () => {
    await stack.disposeAsync();
  });

  return stack;
}
