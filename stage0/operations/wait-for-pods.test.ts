import { describe, expect, it } from 'vitest';
import { parseImageId } from '#schema/types/image-hash';
import { parseAcName } from '#schema/types/names';
import type { AppStatus } from './outcomes.ts';
import { podExitCode } from './wait-for-pods.ts';

function app(name: string, exitCode: number | undefined, finishedAt?: number): AppStatus {
  return {
    name: parseAcName(name),
    imageId: parseImageId(`sha512-${'0'.repeat(64)}`),
    imageName: undefined,
    state: exitCode === undefined ? 'running' : 'exited',
    exitCode,
    reason: undefined,
    signal: undefined,
    startedAt: undefined,
    finishedAt,
    restarts: 0,
    userAnnotations: {},
    userLabels: {},
  };
}

describe('podExitCode()', () => {
  it('is the status of the app that failed first, not of the one named first', () => {
    expect(
      podExitCode({
        apps: [app('one', 3, 2000), app('two', 0, 500), app('three', 5, 1000)],
        exitPolicy: 'any-failure',
      }),
    ).toBe(5);
  });

  it('is the status of the app that ended first, where that ends the pod', () => {
    const apps = [app('one', 3, 2000), app('two', 0, 500)];

    expect(podExitCode({ apps, exitPolicy: 'first-exit' })).toBe(0);
  });

  it('is 0 when every app ended well', () => {
    expect(
      podExitCode({ apps: [app('one', 0, 1), app('two', 0, 2)], exitPolicy: 'any-failure' }),
    ).toBe(0);
  });

  it('is a failure that is known, whatever else is not', () => {
    expect(
      podExitCode({ apps: [app('one', undefined), app('two', 4, 1)], exitPolicy: 'any-failure' }),
    ).toBe(4);
  });

  it.each([
    ['an app whose status is not known', [app('one', 0, 1), app('two', undefined)]],
    ['no app', []],
  ])('is not known of %s', (_what, apps) => {
    expect(podExitCode({ apps, exitPolicy: 'any-failure' })).toBeUndefined();
  });
});
