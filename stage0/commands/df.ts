import { type Command, plainCommand } from '../cli/command.ts';
import { shownName } from '../cli/image-argument.ts';
import { formatJson, readFormat } from '../cli/json.ts';
import { formatTable } from '../cli/table.ts';
import { formatBytes } from '../cli/units.ts';
import { openWorkplace } from '../cli/workplace.ts';
import {
  type DiskUsage,
  type ImageUsage,
  type KindUsage,
  measureDisk,
  type PodUsage,
} from '../operations/disk-usage.ts';

/** `gantry df`. */
export const command: Command = plainCommand({
  usage: '[--verbose] [--full] [--no-legend] [--format=…]',
  description: [
    'Shows what images, their rendered trees and pods take on the disk. An image or tree is active when a pod is made of it, a pod when it is not over. SHARED is what several images, or pods, are made of, UNIQUE the rest; RECLAIMABLE is what "gantry gc" and "gantry image gc" would free without a grace period.',
    'With --verbose it shows each image with what it depends on, and each pod: UNIQUE is what only that one takes.',
  ].join('\n'),
  options: {
    format: { kind: 'value', value: 'json|json-pretty', summary: 'print JSON in place of tables' },
    full: { kind: 'flag', summary: 'print whole UUIDs and keys, and bytes' },
    'no-legend': { kind: 'flag', summary: 'leave out the headings' },
    verbose: { kind: 'flag', summary: 'show each image and pod as well' },
  },
  words: { min: 0, max: 0 },

  async run({ call, globals, options }) {
    const format = readFormat(options.format);
    using workplace = await openWorkplace(call, globals);
    const usage = await measureDisk(workplace.context);
    if (format !== 'text') {
      call.output.write(formatJson(usageJson(usage), { pretty: format === 'json-pretty' }));
      return 0;
    }

    const view = { full: options.full ?? false, legend: options['no-legend'] !== true };
    const tables = [kindTable(usage, view)];
    if (options.verbose === true) tables.push(imageTable(usage, view), podTable(usage, view));
    call.output.write(tables.map(formatTable).join('\n'));
    return 0;
  },
});

interface View {
  readonly full: boolean;
  readonly legend: boolean;
}

type Rows = readonly (readonly string[])[];

const bytesText = (bytes: number, { full }: View): string =>
  full ? String(bytes) : formatBytes(bytes);

function withLegend(headings: readonly string[], rows: Rows, { legend }: View): Rows {
  return legend ? [headings, ...rows] : rows;
}

function kindTable({ kinds }: DiskUsage, view: View): Rows {
  const rows = [
    ...kinds,
    { ...totalOf(kinds), kind: 'total', count: undefined, active: undefined },
  ];
  const headings = ['KIND', 'COUNT', 'ACTIVE', 'SIZE', 'SHARED', 'UNIQUE', 'RECLAIMABLE'];

  return withLegend(
    headings,
    rows.map(({ kind, count, active, size, shared, reclaimable }) => [
      kind,
      String(count ?? ''),
      String(active ?? ''),
      ...[size, shared, size - shared, reclaimable].map((bytes) => bytesText(bytes, view)),
    ]),
    view,
  );
}

type Total = Pick<KindUsage, 'size' | 'shared' | 'reclaimable'>;

function totalOf(kinds: readonly KindUsage[]): Total {
  const sum = (key: keyof Total): number => kinds.reduce((all, kind) => all + kind[key], 0);

  return { size: sum('size'), shared: sum('shared'), reclaimable: sum('reclaimable') };
}

/** Digits of a key, and of a UUID, in tables that are not full. */
const SHORT_KEY = 'sha512-'.length + 12;
const SHORT_UUID = 8;

function imageTable({ images }: DiskUsage, view: View): Rows {
  const rows = images.map(({ record, shared, unique, pods }) => [
    view.full ? record.key : record.key.slice(0, SHORT_KEY),
    shownName(record),
    ...[shared + unique, shared, unique].map((bytes) => bytesText(bytes, view)),
    String(pods),
  ]);

  return withLegend(['IMAGE', 'NAME', 'SIZE', 'SHARED', 'UNIQUE', 'PODS'], rows, view);
}

function podTable({ pods }: DiskUsage, view: View): Rows {
  const rows = pods.map(({ uuid, name, state, shared, unique }) => [
    view.full ? uuid : uuid.slice(0, SHORT_UUID),
    name ?? '',
    state,
    ...[shared + unique, shared, unique].map((bytes) => bytesText(bytes, view)),
  ]);

  return withLegend(['POD', 'NAME', 'STATE', 'SIZE', 'SHARED', 'UNIQUE'], rows, view);
}

function usageJson({ kinds, images, pods }: DiskUsage): object {
  return {
    summary: kinds.map(({ kind, count, active, size, shared, reclaimable }) => ({
      kind,
      count,
      active,
      size,
      shared_size: shared,
      unique_size: size - shared,
      reclaimable_size: reclaimable,
    })),
    images: images.map(imageJson),
    pods: pods.map(podJson),
  };
}

function imageJson({ record, shared, unique, pods }: ImageUsage): object {
  return {
    id: record.key,
    name: shownName(record),
    size: shared + unique,
    shared_size: shared,
    unique_size: unique,
    pods,
  };
}

function podJson({ uuid, name, state, shared, unique }: PodUsage): object {
  return {
    name: uuid,
    pod_name: name,
    state,
    size: shared + unique,
    shared_size: shared,
    unique_size: unique,
  };
}
