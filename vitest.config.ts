import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/helpers/longest-first.ts';

/**
 * Tests that run pods mostly wait, and start several programs of their own: two
 * files at a time, each in a mount namespace of its own, where it does not meet
 * what the other has mounted.
 */
const WITH_PODS = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  maxWorkers: 2,
  execArgv: [`--require=${import.meta.dirname}/test/helpers/own-mounts.ts`],
  // A full disk and a busy machine have their moments; what fails twice has failed.
  retry: 1,
  // After the tests that run none; the last of `privileged` beside the first of `races`.
  sequence: { groupOrder: 1 },
};

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{base,schema,image-store,cni,stage1,pod-network,stage1-*,stage0,cri,scripts}/**/*.test.ts',
          ],
          testTimeout: 30_000,
          maxWorkers: '100%',
          // They share nothing but a process: half of their time went into starting one a file.
          isolate: false,
        },
      },
      {
        test: {
          name: 'functional',
          include: ['test/functional/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: '100%',
        },
      },
      {
        test: {
          ...WITH_PODS,
          name: 'privileged',
          include: ['test/privileged/**/*.test.ts', 'test/conformance/**/*.test.ts'],
        },
      },
      {
        test: {
          ...WITH_PODS,
          // Moments are random here and the machine's load is part of the test: after
          // all else, and what fails once is tried once more; the seed is printed.
          name: 'races',
          include: ['test/races/**/*.test.ts'],
          testTimeout: 480_000,
        },
      },
    ],
  },
});
