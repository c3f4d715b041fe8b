import type { AppLoad, Load, PodLoad } from './top-view.ts';
import { nanoseconds } from './json.ts';
import { formatBytes, formatSeconds } from './units.ts';

export interface TopStyle {
  readonly full: boolean;
  readonly legend: boolean;
}

/** What stands for what cannot be told. */
const UNKNOWN = '-';
const SHORT_UUID = 8;

/** A row for each pod with all that is in it, below it one for each app. */
export function topRows(pods: readonly PodLoad[], style: TopStyle): readonly (readonly string[])[] {
  const names = pods.some(({ name }) => name !== undefined);
  const headings = ['UUID', 'APP', 'CPU', 'CPU TIME', 'MEMORY', 'PROCS', 'READ/S', 'WRITE/S'];
  const rows = pods.flatMap((pod) => podRows(pod, style, names));

  return style.legend ? [[...headings, ...(names ? ['NAME'] : [])], ...rows] : rows;
}

function podRows(pod: PodLoad, { full }: TopStyle, names: boolean): readonly (readonly string[])[] {
  const uuid = full ? pod.uuid : pod.uuid.slice(0, SHORT_UUID);
  const name = names ? [pod.name ?? ''] : [];

  return [
    [uuid, '', ...cells(pod, full), ...name],
    ...pod.apps.map((app) => ['', app.name, ...cells(app, full)]),
  ];
}

function cells({ usage, rates }: Load, full: boolean): readonly string[] {
  const bytes = (count: number): string =>
    full ? String(Math.round(count)) : formatBytes(Math.round(count));

  return [
    shown(rates.cpu, (cpu) => `${(cpu * 100).toFixed(1)}%`),
    shown(usage.cpuMs, timeText),
    shown(usage.memory, bytes),
    shown(usage.processes, String),
    shown(rates.read, bytes),
    shown(rates.written, bytes),
  ];
}

function shown(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? UNKNOWN : format(value);
}

function timeText(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(2)}s` : formatSeconds(ms / 1000);
}

/** What cannot be told is left out. */
export function topJson(pod: PodLoad): object {
  return {
    name: pod.uuid,
    pod_name: pod.name,
    state: pod.state,
    ...loadJson(pod),
    apps: pod.apps.map((app: AppLoad) => ({ name: app.name, ...loadJson(app) })),
  };
}

function loadJson({ usage, rates }: Load): object {
  const rounded = (value: number | undefined, digits = 0): number | undefined =>
    value === undefined ? undefined : Number(value.toFixed(digits));

  return {
    cpu_percent: rounded(rates.cpu === undefined ? undefined : rates.cpu * 100, 2),
    cpu_time: usage.cpuMs === undefined ? undefined : nanoseconds(usage.cpuMs),
    memory: rounded(usage.memory),
    processes: usage.processes,
    read_bytes: usage.readBytes,
    written_bytes: usage.writtenBytes,
    read_bytes_per_second: rounded(rates.read),
    written_bytes_per_second: rounded(rates.written),
  };
}
