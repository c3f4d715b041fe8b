import { humanAge } from '#base/time/duration';
import { type Command, plainCommand } from '../cli/command.ts';
import { formatJson, readFormat } from '../cli/json.ts';
import { podJson } from '../cli/pod-json.ts';
import { networksText } from '../cli/networks-text.ts';
import { presentError } from '../cli/present-error.ts';
import { readPodFilter } from '../cli/pod-filter-flags.ts';
import { formatTable } from '../cli/table.ts';
import { formatTime } from '../cli/units.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { listPods } from '../operations/list.ts';
import type { AppStatus, PodStatus } from '../operations/outcomes.ts';
import { LISTED_STATES } from '../pod/pod-state.ts';

/** `gantry list`. */
export const command: Command = plainCommand({
  usage: '[--state=…] [--pod-name=…] [--label=…] [--full] [--no-legend] [--format=…]',
  description:
    'Lists pods, one row for each app. Of several filters all must hold. Names of pods are shown when one of those listed has one, and so is what is wrong with those that are broken.',
  options: {
    format: { kind: 'value', value: 'json|json-pretty', summary: 'print JSON in place of a table' },
    label: {
      kind: 'values',
      value: 'NAME[=VALUE]',
      summary: 'only pods with this user label, of their own or of an app',
    },
    'pod-name': { kind: 'value', value: 'NAME', summary: 'only the pods that are called so' },
    state: {
      kind: 'values',
      value: 'STATE,STATE',
      summary: 'only pods in one of these states, as the table shows them',
      choices: LISTED_STATES,
    },
    full: { kind: 'flag', summary: 'print whole UUIDs, image ids and exact times' },
    'no-legend': { kind: 'flag', summary: 'leave out the headings' },
  },
  words: { min: 0, max: 0 },

  async run({ call, globals, options }) {
    const format = readFormat(options.format);
    const filter = readPodFilter(options);
    using workplace = await openWorkplace(call, globals);
    const { pods, errors } = listPods(workplace.context, filter);

    if (format === 'text') {
      const view: View = {
        full: options.full ?? false,
        names: pods.some(({ name }) => name !== undefined),
        problems: pods.some(({ problem }) => problem !== undefined),
        now: workplace.context.now(),
      };
      const legend = options['no-legend'] === true ? [] : [headings(view)];
      call.output.write(formatTable([...legend, ...pods.flatMap((pod) => podRows(pod, view))]));
    } else {
      const all = pods.length === 0 ? null : pods.map(podJson);
      call.output.write(formatJson(all, { pretty: format === 'json-pretty' }));
    }
    // A pod that may not be looked at is no failure of the list, as in rkt.
    for (const error of errors) {
      await presentError(error, { name: call.name, debug: globals.debug });
    }

    return 0;
  },
});

interface View {
  readonly full: boolean;
  /** Whether there are columns of names and of problems: rkt's tables have neither. */
  readonly names: boolean;
  readonly problems: boolean;
  readonly now: number;
}

/** rkt cuts image ids here. */
const IMAGE_ID_LENGTH = 19;
const SHORT_UUID_LENGTH = 8;

function headings({ full, names, problems }: View): readonly string[] {
  const id = full ? ['IMAGE ID'] : [];
  const more = [...(names ? ['NAME'] : []), ...(problems ? ['PROBLEM'] : [])];

  return ['UUID', 'APP', 'IMAGE NAME', ...id, 'STATE', 'CREATED', 'STARTED', 'NETWORKS', ...more];
}

/** One row for each app; what belongs to the pod stands in the first only. */
function podRows(pod: PodStatus, view: View): readonly (readonly string[])[] {
  const uuid = view.full ? pod.uuid : pod.uuid.slice(0, SHORT_UUID_LENGTH);
  const rest = [
    pod.state,
    timeText(pod.createdAt, view),
    timeText(pod.startedAt, view),
    networksText(pod),
    ...(view.names ? [pod.name ?? ''] : []),
    ...(view.problems ? [pod.problem ?? ''] : []),
  ];
  if (pod.apps.length === 0) return [[uuid, '-', '-', ...(view.full ? ['-'] : []), ...rest]];

  return pod.apps.map((app, at) =>
    at === 0 ? [uuid, ...appCells(app, view), ...rest] : ['', ...appCells(app, view)],
  );
}

function appCells({ name, imageName, imageId }: AppStatus, { full }: View): readonly string[] {
  return [name, imageName ?? '--', ...(full ? [imageId.slice(0, IMAGE_ID_LENGTH)] : [])];
}

function timeText(time: number | undefined, { full, now }: View): string {
  if (time === undefined) return '';

  return full ? formatTime(time) : humanAge(time, now);
}
