import { nodeExec } from '#base/exec/node-exec';

/** A whole command as a user would type it. */
export interface TimedCommand {
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Run before every measured run, outside of the time. */
  readonly before?: () => Promise<void> | void;
  /** The exit code that counts as success, 0 unless told. */
  readonly exitCode?: number;
}

export interface Comparison {
  /** Medians, milliseconds of wall clock. */
  readonly ours: number;
  readonly theirs: number;
  /** Median of the pairwise ratios. */
  readonly ratio: number;
  readonly runs: number;
}

export const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
};

/**
 * Runs two commands in turn, A B A B …, after a warm-up of each, so that the
 * machine's moods strike both alike.
 */
export async function compare(
  ours: TimedCommand,
  theirs: TimedCommand,
  runs: number,
): Promise<Comparison> {
  for (let warm = 0; warm < 2; warm += 1) {
    await time(ours);
    await time(theirs);
  }

  const pairs: (readonly [number, number])[] = [];
  for (let run = 0; run < runs; run += 1) pairs.push([await time(ours), await time(theirs)]);

  return {
    ours: median(pairs.map(([mine]) => mine)),
    theirs: median(pairs.map(([, other]) => other)),
    ratio: median(pairs.map(([mine, other]) => mine / other)),
    runs,
  };
}

let isEnding = false;

/** Has the run that is being measured be the last one: who cut it off would leave what it holds. */
export function endAfterThis(): void {
  isEnding = true;
}

/** The wall-clock milliseconds of one run. @throws Error when the command fails */
export async function time(command: TimedCommand): Promise<number> {
  await command.before?.();
  const started = performance.now();
  const result = await nodeExec.run({
    argv: command.argv,
    env: command.env ?? ENVIRONMENT,
    stdout: 'ignore',
    timeoutMs: 300_000,
  });
  const duration = performance.now() - started;
  if (isEnding) throw new Error('measuring was broken off');
  if (result.exitCode !== (command.exitCode ?? 0)) {
    throw new Error(
      `${command.argv.join(' ')}: exit code ${result.exitCode}: ${result.stderr.slice(-500)}`,
    );
  }

  return duration;
}

/** The middle one of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;

  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** Peak resident memory of a command and its children in MB, as the kernel accounts it. */
export async function peakMemory(command: TimedCommand): Promise<number> {
  await command.before?.();
  const result = await nodeExec.run({
    argv: ['/usr/bin/time', '-f', '%M', ...command.argv],
    env: command.env ?? ENVIRONMENT,
    stdout: 'ignore',
    timeoutMs: 600_000,
  });
  if (result.exitCode !== 0)
    throw new Error(`${command.argv.join(' ')}: ${result.stderr.slice(-500)}`);

  return Number(result.stderr.trim().split('\n').at(-1)) / 1024;
}
