import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { GantryError } from '#base/errors/gantry-error';
import type { RunningProgram } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/exec-result';
import type { OperationContext } from './context.ts';

/** Which output of an app something was said on. */
export type LogStream = 'stdout' | 'stderr';

const LOG_STREAMS: readonly LogStream[] = ['stdout', 'stderr'];

/** One message that an app left in the journal of its pod. */
export interface JournalEntry {
  /** Where reading can go on after it. */
  readonly cursor: string;
  /** Microseconds since 1970. */
  readonly timeUs: bigint;
  readonly app: string;
  /** Undefined for what came by syslog(3), or from a pod whose stage1 does not tell streams apart. */
  readonly stream: LogStream | undefined;
  readonly message: Uint8Array;
  /** What came after it; nothing when the line goes on in the app's next entry: it was longer than journald takes. */
  readonly ending: '\n' | '\0' | '';
}

/** What of a journal is asked for. */
export interface JournalQuery {
  /** The folder, in which there is one of the pod's machine id. */
  readonly dir: string;
  /** Names of apps. */
  readonly apps: readonly string[];
  /** Only what was said there. */
  readonly stream?: LogStream | undefined;
  /** As journalctl takes them. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** Only so many of the last entries. */
  readonly lines?: number | undefined;
  /** Only what comes after this cursor. */
  readonly after?: string | undefined;
  /** Goes on with what comes later, until it is ended. */
  readonly follow: boolean;
}

/** A journalctl at work. */
export interface JournalReader {
  readonly entries: AsyncIterable<JournalEntry>;
  end(): void;
}

/**
 * Starts to read a journal, with the host's journalctl. Each entry of `entries`
 * is an app's; the iteration ends with the journal, or after `end()`.
 * @throws GantryError LOGS_NO_READER; while reading, EXEC_FAILED with journalctl's own words
 */
export function readJournal(
  { exec, env }: Pick<OperationContext, 'exec' | 'env'>,
  query: JournalQuery,
): JournalReader {
  const program = exec.stream({ argv: journalCommand(query), env: readerEnvironment(env) });
  program.stdin.end();
  let ended = false;

  return {
    entries: entriesOf(program, query.apps, () => ended),
    end() {
      ended = true;
      program.kill();
    },
  };
}

/** One that follows must not outlive who reads it: nothing would ever tell it. */
function journalCommand(query: JournalQuery): [string, ...string[]] {
  const { dir, apps, stream, since, until, lines, after, follow } = query;
  const flags = [
    `--directory=${dir}`,
    '--output=json',
    '--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,_LINE_BREAK',
    '--all',
    '--no-pager',
    '--quiet',
    ...(since === undefined ? [] : [`--since=${since}`]),
    ...(until === undefined ? [] : [`--until=${until}`]),
    ...(after === undefined ? [] : [`--after-cursor=${after}`]),
    ...(lines === undefined ? [] : [`--lines=${lines}`]),
    // Without --merge it follows the last boot, and in a journal that is just being begun there is none.
    ...(follow ? ['--follow', '--merge', ...(lines === undefined ? ['--no-tail'] : [])] : []),
    ...apps.flatMap((app) => [...matches(app, stream), '+']).slice(0, -1),
  ];

  return ['setpriv', '--pdeathsig=TERM', 'journalctl', ...flags];
}

/** What an app says itself, and what is said in its name. */
function matches(app: string, stream: LogStream | undefined): readonly string[] {
  if (stream !== undefined) return [`_SYSTEMD_UNIT=${readerUnit(app, stream)}`];

  return [`SYSLOG_IDENTIFIER=${app}`, '+', `_SYSTEMD_UNIT=${app}.service`];
}

/** Which unit of the pod carries a stream of an app (docs/stage1-guide.md). */
const readerUnit = (app: string, stream: LogStream): string => `${stream}@${app}.service`;

function readerEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const kept = ['TZ'].flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });

  return { PATH: env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C.UTF-8', ...Object.fromEntries(kept) };
}

async function* entriesOf(
  program: RunningProgram,
  apps: readonly string[],
  isEnded: () => boolean,
): AsyncGenerator<JournalEntry> {
  for await (const line of linesOf(program.stdout)) {
    const entry = parseJournalLine(line, apps);
    if (entry !== undefined) yield entry;
    if (isEnded()) break;
  }

  const result = await program.ended;
  if (isEnded()) return;
  if (result.exitCode === 127) throw noReader(result.stderr);
  demandSuccess(result, 'read the journal of the pod');
}

function linesOf(stream: Readable): AsyncIterable<string> {
  return createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
}

/**
 * One line of `journalctl --output=json`; the journal is the pod's own, so
 * anything may stand in it.
 * @returns undefined for what is no entry of one of the apps, or was cut off
 */
export function parseJournalLine(line: string, apps: readonly string[]): JournalEntry | undefined {
  const fields = parseObject(line);
  const { __CURSOR: cursor, __REALTIME_TIMESTAMP: time } = fields;
  const origin = originOf(fields, apps);
  const message = bytesOf(fields['MESSAGE']);
  if (typeof cursor !== 'string' || typeof time !== 'string' || !/^\d{1,18}$/.test(time)) {
    return undefined;
  }
  if (origin === undefined || message === undefined) return undefined;

  return { cursor, timeUs: BigInt(time), ...origin, message, ending: endingOf(fields) };
}

/** As journald saw its stream (systemd.journal-fields(7)), which takes NUL for the end of a line, too. */
function endingOf({
  _LINE_BREAK: cause,
}: Readonly<Record<string, unknown>>): JournalEntry['ending'] {
  if (cause === 'line-max') return '';

  return cause === 'nul' ? '\0' : '\n';
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

type Origin = Pick<JournalEntry, 'app' | 'stream'>;

/** journald itself vouches for the unit; an app may call itself anything. */
function originOf(
  { _SYSTEMD_UNIT: unit, SYSLOG_IDENTIFIER: identifier }: Readonly<Record<string, unknown>>,
  apps: readonly string[],
): Origin | undefined {
  for (const app of apps) {
    const stream = LOG_STREAMS.find((each) => unit === readerUnit(app, each));
    if (stream !== undefined || unit === `${app}.service`) return { app, stream };
  }
  const app = apps.find((each) => identifier === each);

  return app === undefined ? undefined : { app, stream: undefined };
}

/** Text, or an array of bytes when it is not UTF-8 or has control characters. */
function bytesOf(message: unknown): Uint8Array | undefined {
  if (typeof message === 'string') return Buffer.from(message);
  if (Array.isArray(message) && message.every((byte) => Number.isInteger(byte))) {
    return Uint8Array.from(message as readonly number[]);
  }

  return undefined;
}

function noReader(words: string): GantryError {
  return new GantryError('LOGS_NO_READER', 'cannot read the journal of the pod: no journalctl', {
    hint: 'install systemd, or read the pod’s folder var/log/journal elsewhere',
    cause: new Error(words.trim()),
  });
}
