import { isGantryError } from '#base/errors/gantry-error';
import { parseDuration } from '#base/time/duration';
import { type Command, plainCommand } from '../cli/command.ts';
import { readInteger } from '../cli/flag-values.ts';
import { standardOutput } from '../cli/output.ts';
import { findOnePod, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import type { JournalEntry, LogStream } from '../operations/journal.ts';
import { loggedApps, type LogsRequest, readLogs } from '../operations/logs.ts';

/** `gantry logs UUID`. */
export const command: Command = plainCommand({
  usage: '[--app=NAME] [--follow] [FLAGS] UUID\n[--app=NAME] [--follow] [FLAGS] --uuid-file=FILE',
  description: [
    'Prints what the apps of a pod said, oldest first, while the pod runs and until it is collected. Each line begins with the name of its app, unless it can be of one app only.',
    'What was said on standard error comes on standard error, unless one of the two is asked for by --stream.',
    'Apps that are connected to the terminal or the streams of the caller, and those under the fly flavor, leave nothing to read.',
  ].join('\n'),
  operands: ['pod'],
  action: 'read the logs of',
  options: {
    app: { kind: 'values', value: 'NAME', summary: 'only this app' },
    follow: { kind: 'flag', summary: 'go on with what is said later, until the pod ends' },
    lines: { kind: 'value', value: 'N', summary: 'only the last N lines, and what follows them' },
    since: {
      kind: 'value',
      value: 'TIME',
      summary: 'only from then on: a time, or a duration for so long ago',
    },
    stream: {
      kind: 'value',
      value: 'stdout|stderr',
      summary: 'only what was said on one of the two, on standard output',
    },
    timestamps: { kind: 'flag', summary: 'begin each line with its time' },
    until: { kind: 'value', value: 'TIME', summary: 'only up to then; as --since' },
    ...UUID_FILE_OPTION,
  },
  words: { min: 0, max: 1 },

  async run({ call, globals, options, words }) {
    const lines =
      options.lines === undefined
        ? undefined
        : readInteger(options.lines, '--lines', { min: 0, max: 1_000_000_000 });
    const stream = readStream(options.stream);
    using workplace = await openWorkplace(call, globals);
    const { context } = workplace;
    const request: LogsRequest = {
      uuid: findOnePod(workplace, words, options['uuid-file']),
      apps: options.app,
      stream,
      since: readMoment(options.since, '--since', context.now()),
      until: readMoment(options.until, '--until', context.now()),
      lines,
      follow: options.follow ?? false,
    };

    const names = loggedApps(context, request).length > 1;
    const timestamps = options.timestamps ?? false;
    const style = { names, timestamps };
    const outputs = {
      stdout: { output: call.output, format: lineFormat(style) },
      stderr: { output: standardOutput(2), format: lineFormat(style) },
    };
    await readLogs(context, request, (entry) => {
      const to = request.stream === undefined && entry.stream === 'stderr' ? 'stderr' : 'stdout';
      const { output, format } = outputs[to];
      return output.write(format(entry));
    });
    return 0;
  },
});

/**
 * A time for journalctl: what it reads itself, RFC 3339, or a duration before now.
 * @throws GantryError BAD_USAGE for an empty one
 */
function readMoment(text: string | undefined, flag: string, now: number): string | undefined {
  if (text === undefined) return undefined;
  if (text.trim() === '') throw usageError(`flag ${flag} needs a time: it is empty`);
  const ago = durationOrNothing(text);
  const at = ago === undefined ? exactTime(text) : now - ago;

  return at === undefined ? text : `@${(at / 1000).toFixed(3)}`;
}

function durationOrNothing(text: string): number | undefined {
  try {
    return /^[+-]/.test(text) ? undefined : parseDuration(text);
  } catch (error) {
    if (isGantryError(error, 'INVALID_DURATION')) return undefined;
    throw error;
  }
}

function exactTime(text: string): number | undefined {
  const isRfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const time = isRfc3339 ? Date.parse(text) : Number.NaN;

  return Number.isNaN(time) ? undefined : time;
}

function readStream(text: string | undefined): LogStream | undefined {
  if (text === undefined || text === 'stdout' || text === 'stderr') return text;

  throw usageError(
    `cannot read --stream: unknown stream "${text}"`,
    'streams are stdout and stderr',
  );
}

interface LineStyle {
  readonly names: boolean;
  readonly timestamps: boolean;
}

/** Messages go out as the journal has them; a line that came in several entries is put together. */
function lineFormat({ names, timestamps }: LineStyle): (entry: JournalEntry) => Uint8Array {
  let open: string | undefined;

  return ({ app, timeUs, message, ending }) => {
    const head = `${timestamps ? `${timeText(timeUs)} ` : ''}${names ? `${app}: ` : ''}`;
    const begins = open === undefined ? head : open === app ? '' : `\n${head}`;
    open = ending === '\n' ? undefined : app;

    return Buffer.concat([Buffer.from(begins), message, Buffer.from(ending)]);
  };
}

/** RFC 3339 in UTC, with microseconds. */
function timeText(us: bigint): string {
  const seconds = new Date(Number(us / 1000n)).toISOString().slice(0, -'.000Z'.length);

  return `${seconds}.${String(us % 1_000_000n).padStart(6, '0')}Z`;
}
