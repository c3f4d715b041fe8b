import { humanAge } from '#base/time/duration';
import { type Command, plainCommand } from '../cli/command.ts';
import { findStored } from '../cli/image-argument.ts';
import { formatJson, nanoseconds, readFormat } from '../cli/json.ts';
import { formatTable } from '../cli/table.ts';
import { formatBytes, formatTime } from '../cli/units.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { type HistoryStep, imageHistory } from '../operations/image-details.ts';
import { openLibrary } from '../operations/library.ts';

/** `gantry image history IMAGE`. */
export const command: Command = plainCommand({
  usage: '[--full] [--no-legend] [--format=…] IMAGE',
  description:
    'Shows how an image was made, the last step first: what the configuration of an OCI image says of its layers, or the images that an ACI is made of. SIZE is that of the layer as it is kept.',
  operands: ['image'],
  options: {
    format: { kind: 'value', value: 'json|json-pretty', summary: 'print JSON in place of a table' },
    full: { kind: 'flag', summary: 'print whole commands, sizes in bytes and exact times' },
    'no-legend': { kind: 'flag', summary: 'leave out the headings' },
  },
  words: { min: 1, max: 1 },

  async run({ call, globals, options, words: [image = ''] }) {
    const format = readFormat(options.format);
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    const steps = imageHistory(library, await findStored(workplace.context, library.store, image));
    if (format !== 'text') {
      call.output.write(formatJson(steps.map(stepJson), { pretty: format === 'json-pretty' }));
      return 0;
    }
    const view = { full: options.full ?? false, now: workplace.context.now() };
    const legend = options['no-legend'] === true ? [] : [HEADINGS];
    call.output.write(formatTable([...legend, ...steps.map((step) => stepRow(step, view))]));

    return 0;
  },
});

const HEADINGS = ['CREATED', 'SIZE', 'CREATED BY', 'COMMENT'];
/** As much of a command as fits a line. */
const SHORT = 60;

interface View {
  readonly full: boolean;
  readonly now: number;
}

function stepRow(
  { created, size, createdBy, comment }: HistoryStep,
  { full, now }: View,
): readonly string[] {
  const time = (at: number): string => (full ? formatTime(at) : humanAge(at, now));
  const isCut = !full && createdBy.length > SHORT;

  return [
    created === undefined ? '' : time(created),
    size === undefined ? '' : full ? String(size) : formatBytes(size),
    isCut ? `${createdBy.slice(0, SHORT - 1)}…` : createdBy,
    comment,
  ];
}

const stepJson = ({ created, size, createdBy, comment }: HistoryStep): object => ({
  created: created === undefined ? undefined : nanoseconds(created),
  created_by: createdBy,
  comment,
  size,
});
