import { humanAge } from '#base/time/duration';
import type { ImageRecord, ImageStore } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { type Command, plainCommand } from '../cli/command.ts';
import { shownName } from '../cli/image-argument.ts';
import { formatJson, nanoseconds, readFormat } from '../cli/json.ts';
import { formatTable } from '../cli/table.ts';
import { formatBytes, formatTime } from '../cli/units.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { imageParts } from '../operations/image-parts.ts';
import { type ImageShare, shareOut } from '../operations/image-shares.ts';
import { openLibrary } from '../operations/library.ts';

/** One column: its name for `--fields` and `--sort`, its heading, and what it shows. */
interface Field {
  readonly name: string;
  readonly heading: string;
  readonly sortable: boolean;
  show(record: ImageRecord, view: View): string;
  compare(one: ImageRecord, other: ImageRecord): number;
}

interface View {
  readonly full: boolean;
  readonly now: number;
  /** Reads the manifests of all images: called only for what is shown. */
  readonly shareOf: (key: ImageKey) => ImageShare;
}

/** Digits of a key in a short table. */
const SHORT_DIGITS = 12;

const FIELDS: readonly Field[] = [
  {
    name: 'id',
    heading: 'ID',
    sortable: false,
    show: ({ key }, { full }) => (full ? key : key.slice(0, 'sha512-'.length + SHORT_DIGITS)),
    compare: (one, other) => compareText(one.key, other.key),
  },
  {
    name: 'name',
    heading: 'NAME',
    sortable: true,
    show: (record) => shownName(record),
    compare: (one, other) => compareText(shownName(one), shownName(other)),
  },
  {
    name: 'size',
    heading: 'SIZE',
    sortable: true,
    show: (record, view) => bytesText(sizeOf(record), view),
    compare: (one, other) => sizeOf(one) - sizeOf(other),
  },
  {
    name: 'shared',
    heading: 'SHARED',
    sortable: false,
    show: ({ key }, view) => bytesText(view.shareOf(key).shared, view),
    compare: () => 0,
  },
  {
    name: 'unique',
    heading: 'UNIQUE',
    sortable: false,
    show: ({ key }, view) => bytesText(view.shareOf(key).unique, view),
    compare: () => 0,
  },
  {
    name: 'importtime',
    heading: 'IMPORT TIME',
    sortable: true,
    show: ({ importTime }, view) => timeText(importTime, view),
    compare: (one, other) => one.importTime - other.importTime,
  },
  {
    name: 'lastused',
    heading: 'LAST USED',
    sortable: true,
    show: ({ lastUsed }, view) => timeText(lastUsed, view),
    compare: (one, other) => one.lastUsed - other.lastUsed,
  },
];

/** `gantry image list`. */
export const command: Command = plainCommand({
  usage: '[--fields=…] [--sort=…] [--order=…] [--full] [--no-legend] [--format=…]',
  description:
    'Lists the images in the store. SIZE is that of the archive, or of the layers, and of the rendered trees together. Of an image with all that it depends on or is made of, SHARED is what other images have too, UNIQUE what would be free without this one. "gantry df" measures what all takes on the disk.',
  options: {
    fields: {
      kind: 'value',
      value: 'LIST',
      fallback: 'id,name,size,importtime,lastused',
      summary: 'the columns and their order; there are shared and unique as well',
      choices: FIELDS.map(({ name }) => name),
    },
    format: { kind: 'value', value: 'json|json-pretty', summary: 'print JSON in place of a table' },
    full: { kind: 'flag', summary: 'print whole keys, sizes in bytes and exact times' },
    'no-legend': { kind: 'flag', summary: 'leave out the headings' },
    order: { kind: 'value', value: 'asc|desc', fallback: 'asc', summary: 'the order of rows' },
    sort: {
      kind: 'value',
      value: 'FIELD',
      fallback: 'importtime',
      choices: FIELDS.filter(({ sortable }) => sortable).map(({ name }) => name),
      summary: 'the column to sort by: name, size, importtime or lastused',
    },
  },
  words: { min: 0, max: 0 },

  async run({ call, globals, options }) {
    const format = readFormat(options.format);
    const fields = (options.fields ?? 'id,name,size,importtime,lastused').split(',').map(findField);
    const compare = readSort(options.sort ?? 'importtime', options.order ?? 'asc');
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    const records = library.store.list().toSorted(compare);
    const shareOf = sharesOf(library.store, records);

    if (format !== 'text') {
      const documents = records.map((record) => jsonOf(record, shareOf(record.key)));
      call.output.write(formatJson(documents, { pretty: format === 'json-pretty' }));
      return 0;
    }
    const view = { full: options.full ?? false, now: workplace.context.now(), shareOf };
    const legend = options['no-legend'] === true ? [] : [fields.map(({ heading }) => heading)];
    const rows = records.map((record) => fields.map((field) => field.show(record, view)));
    call.output.write(formatTable([...legend, ...rows]));
    return 0;
  },
});

function findField(name: string): Field {
  const field = FIELDS.find((one) => one.name === name.trim());
  if (field !== undefined) return field;

  const names = FIELDS.map((one) => one.name).join(', ');
  throw usageError(`cannot read --fields: unknown field "${name}"`, `fields are ${names}`);
}

function readSort(name: string, order: string): Field['compare'] {
  const field = FIELDS.find((one) => one.sortable && one.name === name);
  if (field === undefined) {
    throw usageError(
      `cannot read --sort: unknown field "${name}"`,
      'fields are name, size, importtime, lastused',
    );
  }
  if (order === 'asc') return (one, other) => field.compare(one, other);
  if (order === 'desc') return (one, other) => field.compare(other, one);

  throw usageError(`cannot read --order: "${order}" is neither asc nor desc`);
}

/** Shares the images out when that is asked for first. */
function sharesOf(store: ImageStore, records: readonly ImageRecord[]): View['shareOf'] {
  let shares: ReadonlyMap<ImageKey, ImageShare> | undefined;

  return (key) => {
    shares ??= shareOut(imageParts(store, records));
    return shares.get(key) ?? { shared: 0, unique: 0 };
  };
}

function bytesText(bytes: number, { full }: View): string {
  return full ? String(bytes) : formatBytes(bytes);
}

function sizeOf({ size, treeSize }: ImageRecord): number {
  return size + treeSize;
}

function timeText(time: number, { full, now }: View): string {
  return full ? formatTime(time) : humanAge(time, now);
}

function compareText(one: string, other: string): number {
  if (one === other) return 0;

  return one < other ? -1 : 1;
}

function jsonOf(record: ImageRecord, { shared, unique }: ImageShare): object {
  return {
    id: record.key,
    name: shownName(record),
    import_time: nanoseconds(record.importTime),
    last_used_time: nanoseconds(record.lastUsed),
    size: sizeOf(record),
    shared_size: shared,
    unique_size: unique,
  };
}
