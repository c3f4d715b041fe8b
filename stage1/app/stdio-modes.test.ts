import { describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import type { RuntimeApp } from '#schema/pod/pod-manifest';
import { endpointsOf, isPlainStdio, stdioModesOf } from './stdio-modes.ts';

const app = (modes: Readonly<Record<string, string>>): RuntimeApp =>
  ({
    name: 'a',
    annotations: Object.entries(modes).map(([stream, value]) => ({
      name: `coreos.com/rkt/stage2/${stream}`,
      value,
    })),
  }) as unknown as RuntimeApp;

describe('stdioModesOf()', () => {
  it('has the journal unless something is said', () => {
    const modes = stdioModesOf(app({}));

    expect(modes).toEqual({ stdin: 'null', stdout: 'log', stderr: 'log' });
    expect(isPlainStdio(modes)).toBe(true);
    expect(endpointsOf(modes)).toEqual([]);
  });

  it.each([
    [{ stdin: 'stream', stdout: 'stream' }, ['stdin', 'stdout']],
    [{ stdout: 'null', stderr: 'stream' }, ['stderr']],
    [{ stdin: 'tty', stdout: 'tty', stderr: 'log' }, ['tty-in', 'tty-out']],
    [{ stdout: 'tty' }, ['tty-out']],
  ])('takes %j', (modes, endpoints) => {
    expect(endpointsOf(stdioModesOf(app(modes)))).toEqual(endpoints);
  });

  it.each([
    [{ stdin: 'log' }, 'unknown "log"'],
    [{ stdout: 'interactive' }, 'unknown "interactive"'],
    [{ stdin: 'stream', stdout: 'tty' }, 'both a terminal and streams'],
    [{ stdin: 'tty' }, 'a terminal without its standard output'],
  ])('refuses %j', (modes, message) => {
    try {
      stdioModesOf(app(modes));
      expect.unreachable();
    } catch (error) {
      expect(isGantryError(error) && error.code).toBe('STDIO_INVALID');
      expect(String(error)).toContain(message);
    }
  });
});
