import { describe, expect, it } from 'vitest';
import type { ProgressEvent } from '#base/log/log';
import { type CommandLog, createCommandLog } from './command-log.ts';
import type { ProgressDisplay } from './progress.ts';

const event = (id: string, done: number, finished = false): ProgressEvent => ({
  id,
  action: 'fetching',
  done,
  unit: 'bytes',
  finished,
});

interface Stage {
  readonly talk: CommandLog;
  readonly shown: string[];
  /** Lets the display come. */
  readonly arrive: () => Promise<void>;
}

function stage(quiet = false): Stage {
  const shown: string[] = [];
  const display: ProgressDisplay = {
    show: ({ id, done }) => void shown.push(`${id} ${done}`),
    interrupt: (write) => write(),
    close: () => void shown.push('closed'),
  };
  const { promise, resolve } = Promise.withResolvers<ProgressDisplay>();
  const talk = createCommandLog('test', { debug: false, quiet, openDisplay: () => promise });
  const arrive = async (): Promise<void> => {
    resolve(display);
    await promise;
    await Promise.resolve();
  };

  return { talk, shown, arrive };
}

describe('createCommandLog()', () => {
  it('shows the last news of each work when the display comes late', async () => {
    const { talk, shown, arrive } = stage();
    talk.log.progress(event('a', 1));
    talk.log.progress(event('b', 1));
    talk.log.progress(event('a', 2, true));
    await arrive();
    talk.log.progress(event('b', 3));

    expect(shown).toEqual(['a 2', 'b 1', 'b 3']);
  });

  it('shows nothing when the display comes after the end', async () => {
    const { talk, shown, arrive } = stage();
    talk.log.progress(event('a', 1));
    talk[Symbol.dispose]();
    await arrive();
    talk.log.progress(event('a', 2));

    expect(shown).toEqual([]);
  });

  it('takes progress off the screen for a question, and shows what comes later', async () => {
    const { talk, shown, arrive } = stage();
    talk.log.progress(event('a', 1));
    await arrive();
    talk.quiet();
    talk.log.progress(event('a', 2));

    expect(shown).toEqual(['a 1', 'closed', 'a 2']);
  });

  it('shows no progress when it is to be quiet', async () => {
    const { talk, shown, arrive } = stage(true);
    talk.log.progress(event('a', 1));
    await arrive();

    expect(shown).toEqual([]);
  });
});
