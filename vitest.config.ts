import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{base,schema,image-store,cni,stage1,pod-network,stage1-*,stage0,cri,scripts}/**/*.test.ts',
          ],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'functional',
          include: ['test/functional/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'privileged',
          include: ['test/privileged/**/*.test.ts', 'test/conformance/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          // A full disk and a busy machine have their moments; what fails twice has failed.
          retry: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          // Moments are random here and the machine's load is part of the test:
          // after all else, and what fails once is tried once more; the seed is printed.
          name: 'races',
          include: ['test/races/**/*.test.ts'],
          testTimeout: 480_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          retry: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
