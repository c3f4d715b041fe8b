import { existsSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { resolveInside } from '#base/fs/inside';
import type { PodUuid } from '#schema/types/pod-uuid';
import { demandPodState, readPodState } from '../pod/look-at-pod.ts';
import { demandState, type PodState } from '../pod/pod-state.ts';
import { readPodFlavor, readPodManifest, stage1StateDir } from '../pod/read-pod.ts';
import { waitForPath } from '../pod/wait-for-path.ts';
import { promises } from '../stage1/flavor.ts';
import type { OperationContext } from './context.ts';
import { type JournalEntry, type JournalReader, type LogStream, readJournal } from './journal.ts';
import { waitForEnd } from './wait-for-end.ts';

export interface LogsRequest {
  readonly uuid: PodUuid;
  /** All apps of the pod when there is none. */
  readonly apps: readonly string[];
  /** Both streams when there is none. */
  readonly stream?: LogStream | undefined;
  /** As journalctl takes them. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** Only so many of the last entries. */
  readonly lines?: number | undefined;
  /** Waits for more until the pod ends. */
  readonly follow: boolean;
}

/** Takes an entry. @returns false when nobody wants more */
export type LogSink = (entry: JournalEntry) => boolean;

/** Which apps a request is about, in the order of the pod. @throws GantryError APP_NOT_FOUND, LOGS_NOT_KEPT, POD_STATE, POD_NOT_FOUND */
export function loggedApps(context: OperationContext, request: LogsRequest): readonly string[] {
  const { uuid, apps } = request;
  const state = demandPodState(context.kernel, context.dataDir, uuid);
  demandState(state, 'read the logs of');
  const flavor = readPodFlavor(state.dir);
  if (!promises(flavor, 'logs')) throw notKept(uuid, flavor.name);

  const names: readonly string[] = readPodManifest(state.dir).apps.map(({ name }) => name);
  const unknown = apps.find((app) => !names.includes(app));
  if (unknown === undefined)
    return apps.length === 0 ? names : names.filter((name) => apps.includes(name));
  throw new GantryError(
    'APP_NOT_FOUND',
    `cannot read the logs of pod ${uuid}: it has no app "${unknown}"`,
    { hint: `its apps are ${names.join(', ')}` },
  );
}

/**
 * Reads what apps of a pod said, oldest first. Following ends with the pod.
 * @throws GantryError as `loggedApps`, LOGS_NO_READER, EXEC_FAILED
 */
export async function readLogs(
  context: OperationContext,
  request: LogsRequest,
  sink: LogSink,
): Promise<void> {
  const apps = loggedApps(context, request);
  const whole = { ...request, apps };
  if (!request.follow) {
    await pour(context, { ...whole, dir: journalDir(context, request.uuid) }, sink);
    return;
  }

  const { cursor, wanted } = await followLogs(context, whole, sink);
  if (!wanted) return;
  // What came between the last look and the end of the pod.
  const dir = journalDir(context, request.uuid);
  const rest = cursor === undefined ? whole : { ...whole, lines: undefined, after: cursor };
  await pour(context, { ...rest, dir, follow: false }, sink);
}

/** How far reading came. */
interface Drained {
  /** Of the last entry, when there was one. */
  readonly cursor?: string | undefined;
  /** Whether somebody wants more. */
  readonly wanted: boolean;
}

async function followLogs(
  context: OperationContext,
  request: LogsRequest,
  sink: LogSink,
): Promise<Drained> {
  const done = new AbortController();
  const { signal } = done;
  const ended = waitForEnd(context, request.uuid, { timeoutMs: Number.POSITIVE_INFINITY, signal });
  try {
    const dir = journalDir(context, request.uuid);
    if (dir === undefined) return { wanted: true };
    await Promise.race([ended, waitForPath(dir, signal)]);
    if (!existsSync(dir)) return { wanted: true };

    const reader = readJournal(context, { ...request, dir });
    void ended.finally(() => reader.end()).catch(() => {});
    return await drain(reader, sink);
  } finally {
    done.abort();
    await ended;
  }
}

interface Pouring extends LogsRequest {
  readonly dir: string | undefined;
  readonly after?: string | undefined;
}

async function pour(context: OperationContext, query: Pouring, sink: LogSink): Promise<void> {
  const { dir } = query;
  if (dir === undefined || !existsSync(dir)) return;
  await drain(readJournal(context, { ...query, dir }), sink);
}

async function drain(reader: JournalReader, sink: LogSink): Promise<Drained> {
  let cursor: string | undefined;
  for await (const entry of reader.entries) {
    if (!sink(entry)) {
      reader.end();
      return { cursor, wanted: false };
    }
    cursor = entry.cursor;
  }

  return { cursor, wanted: true };
}

/** Where the journal of a pod lies now; undefined when the pod is gone. */
function journalDir({ kernel, dataDir }: OperationContext, uuid: PodUuid): string | undefined {
  const state: PodState | undefined = readPodState(kernel, dataDir, uuid);

  return state === undefined
    ? undefined
    : resolveInside(stage1StateDir(state.dir), '/var/log/journal');
}

function notKept(uuid: PodUuid, flavor: string): GantryError {
  return new GantryError(
    'LOGS_NOT_KEPT',
    `cannot read the logs of pod ${uuid}: ${flavor} keeps none`,
    { hint: 'what its app says goes to whoever called "gantry run": a unit’s journal, say' },
  );
}
