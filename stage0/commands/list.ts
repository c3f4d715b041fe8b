import { humanAge } from '#base/time/duration';
import { type Command, plainCommand } from '../cli/command.ts';
import { formatJson, readFormat } from '../cli/json.ts';
import { podJson } from '../cli/pod-json.ts';
import { presentError } from '../cli/present-error.ts';
import { formatTable } from '../cli/table.ts';
import { formatTime } from '../cli/units.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { listPods } from '../operations/list.ts';
import type { AppStatus, PodStatus } from '../operations/outcomes.ts';

/** `gantry list`. */
export const command: Command = plainCommand({
  usage: '[--full] [--no-legend] [--format=…]',
  description: 'Lists pods, one row for each app.',
  options: {
    format: { kind: 'value', value: 'json|json-pretty', summary: 'print JSON in place of a table' },
    full: { kind: 'flag', summary: 'print whole UUIDs, image ids and exact times' },
    'no-legend': { kind: 'flag', summary: 'leave out the headings' },
  },
  words: { min: 0, max: 0 },

  async run({ call, globals, options }) {
    const format = readFormat(options.format);
    using workplace = await openWorkplace(call, globals);
    const { pods, errors } = listPods(workplace.context);

    if (format === 'text') {
      const view = { full: options.full ?? false, now: workplace.context.now() };
      const legend = options['no-legend'] === true ? [] : [headings(view)];
      call.output.write(formatTable([...legend, ...pods.flatMap((pod) => podRows(pod, view))]));
    } else {
      const all = pods.length === 0 ? null : pods.map(podJson);
      call.output.write(formatJson(all, { pretty: format === 'json-pretty' }));
    }
    // A pod that cannot be read is no failure of the list, as in rkt.
    for (const error of errors) {
      await presentError(error, { name: call.name, debug: globals.debug });
    }

    return 0;
  },
});

interface View {
  readonly full: boolean;
  readonly now: number;
}

/** rkt cuts image ids here. */
const IMAGE_ID_LENGTH = 19;
const SHORT_UUID_LENGTH = 8;

function headings({ full }: View): readonly string[] {
  const id = full ? ['IMAGE ID'] : [];

  return ['UUID', 'APP', 'IMAGE NAME', ...id, 'STATE', 'CREATED', 'STARTED', 'NETWORKS'];
}

/** One row for each app; what belongs to the pod stands in the first only. */
function podRows(pod: PodStatus, view: View): readonly (readonly string[])[] {
  const uuid = view.full ? pod.uuid : pod.uuid.slice(0, SHORT_UUID_LENGTH);
  const rest = [pod.state, timeText(pod.createdAt, view), timeText(pod.startedAt, view), ''];
  if (pod.apps.length === 0) return [[uuid, '-', '-', ...(view.full ? ['-'] : []), ...rest]];

  return pod.apps.map((app, at) =>
    at === 0
      ? [uuid, ...appCells(app, view), ...rest]
      : ['', ...appCells(app, view), '', '', '', ''],
  );
}

function appCells({ name, imageName, imageId }: AppStatus, { full }: View): readonly string[] {
  return [name, imageName ?? '--', ...(full ? [imageId.slice(0, IMAGE_ID_LENGTH)] : [])];
}

function timeText(time: number | undefined, { full, now }: View): string {
  if (time === undefined) return '';

  return full ? formatTime(time) : humanAge(time, now);
}
